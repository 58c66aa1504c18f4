"""smdebug's hook, attached to the network only for the steps in which it saves something.

As smdebug registers it, every module calls it at every step; here a step that saves nothing costs nothing, one that
saves losses calls it for the loss alone, and after the last step the network is as it was before the first.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from smdebug.core.json_config import add_collections_to_manager, collect_hook_config_params, get_include_collections
from smdebug.core.modes import ModeKeys
from smdebug.core.save_config import SaveConfig
from smdebug.core.utils import match_inc
from smdebug.pytorch import Hook
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from container.debugger.tensors.background_writer import BackgroundWriter
from container.debugger.tensors.hook_config import HookConfig
from container.debugger.tensors.sample import sample_activation, sample_parameter

TENSORS_PER_MODULE = 3  # inputs and outputs whose names are compared with the collections' regular expressions


class TensorHook(Hook):
    """Saves tensors of `network` and `losses` in smdebug's format. `failed` is called from the writing thread."""

    def __init__(self, config: HookConfig, rank: int, world_size: int, failed: Callable[[Exception], None]) -> None:
        parameters = collect_hook_config_params(config.content)
        super().__init__(
            out_dir=str(config.folder),
            save_config=SaveConfig.from_dict(parameters["save_config_modes"]),
            reduction_config=parameters["reduction_config"],
            include_regex=parameters["include_regex"],
            include_collections=get_include_collections(config.content),
            save_all=parameters.get("save_all", False),
            include_workers="all" if config.all_workers else "one",
        )
        self.timeline_writer.close()  # a thread that would wait for events; our own profiler writes them
        add_collections_to_manager(self.collection_manager, config.content, parameters)
        self.worker = f"worker_{rank}"  # not by torch.distributed, which may have been joined later
        self.num_workers = world_size if config.all_workers else 1
        self.samples = config.is_ours
        self.background = BackgroundWriter(str(config.folder), self.worker, self._fail)
        self._handles: list[RemovableHandle] = []
        self._failed = failed
        self._is_broken = False
        self._modules: dict[nn.Module, list[str]] = {}  # -> names that its tensors may get
        # By the regular expressions of a step: which modules, and which parameters under which names, it saves.
        self._wanted: dict[tuple[str, ...], tuple[list[nn.Module], list[tuple[str, nn.Parameter]]]] = {}
        self._forwards = 0  # of the network in this step
        self._gradient_scale: Callable[[], float] = lambda: 1.0

    def register(self, network: nn.Module, losses: list[nn.Module], gradient_scale: Callable[[], float]) -> None:
        """Name the tensors as smdebug does: the root by its class, modules by their path, losses by their class."""
        self.network, self._gradient_scale = network, gradient_scale
        self._wanted.clear()
        self.has_registered_module = self.has_registered_loss_module = True
        for path, module in network.named_modules():
            self._name(module, path or network._get_name())
        for loss in losses:
            self._name(loss, loss._get_name())
        self._prepare_collections()
        self.export_collections()

    def begin_step(self, mode: str, mode_step: int, global_step: int) -> None:
        """Open the step, and attach to what it saves, if anything."""
        if self._is_broken:
            return
        self.set_mode(ModeKeys[mode])
        self.step = self.mode_steps[ModeKeys.GLOBAL] = global_step
        self.mode_steps[self.mode] = mode_step
        self.written_tensor_name_for_step.clear()
        self._collections_to_save_for_step = None
        self._forwards = 0
        collections = self._get_collections_to_save_for_step()
        if collections:
            self.writer = self.background.open_step(global_step)
            self._save_parameters()
            self._attach(tuple(sorted({regex for collection in collections for regex in collection.include_regex})))

    def end_step(self) -> None:
        """Detach, and hand the step's tensors over."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self.writer is not None:
            self._close_writers()

    def close(self) -> None:
        """Return once every tensor is on the disk. Names and marks are removed from the network."""
        self.end_step()
        self.background.close()
        self.export_collections()
        for module in self._modules:
            del module._module_name
        self._modules.clear()

    def _name(self, module: nn.Module, name: str) -> None:
        module._module_name = name  # type: ignore[assignment]  # smdebug's name for it
        numbers = range(TENSORS_PER_MODULE)
        self._modules[module] = [f"{name}_{kind}_{number}" for kind in ("input", "output") for number in numbers]

    def _attach(self, regexes: tuple[str, ...]) -> None:
        if regexes not in self._wanted:  # a job has few kinds of steps, and thousands of names to compare
            self._wanted[regexes] = self._choose(regexes)
        modules, parameters = self._wanted[regexes]
        self._handles.append(self.network.register_forward_pre_hook(self._count_forward))
        self._handles += [module.register_forward_hook(self._save_module) for module in modules]
        self._handles += [parameter.register_hook(self._save_gradient(name)) for name, parameter in parameters]

    def _choose(self, regexes: tuple[str, ...]) -> tuple[list[nn.Module], list[tuple[str, nn.Parameter]]]:
        modules = [module for module, names in self._modules.items() if any(match_inc(name, regexes) for name in names)]
        root = self.network._get_name()
        named = ((f"{root}_{name}", parameter) for name, parameter in self.network.named_parameters())
        parameters = [
            (name, parameter)
            for name, parameter in named
            if parameter.requires_grad and match_inc(self.GRADIENT_PREFIX + name, regexes)
        ]
        return modules, parameters

    def _count_forward(self, *_: Any) -> None:
        self._forwards += 1

    def _save_module(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        if self._is_saving:
            with self._harmless():
                self._write_inputs(module._module_name, inputs)
                self._write_outputs(module._module_name, outputs)

    def _save_gradient(self, name: str) -> Callable[[Tensor], None]:
        def save(gradient: Tensor) -> None:
            if self._is_saving:
                with self._harmless():
                    self._save_for_tensor(self.GRADIENT_PREFIX + name, gradient / self._gradient_scale())

        return save

    @property
    def _is_saving(self) -> bool:
        # Of an accumulated batch the first slice only: the others would be tensors of the same names.
        return self._forwards <= 1 and not self._is_broken

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """An error in what PyTorch calls would end the training step: it is reported instead, and saving ends."""
        try:
            yield
        except Exception as error:  # smdebug's or the disk's; training must go on
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._is_broken = True
        self._failed(error)

    def _save_parameters(self) -> None:
        for name, parameter in self.network.named_parameters():
            # A frozen parameter stays what it was; whoever asks by a file of their own gets it all the same.
            if parameter.requires_grad or not self.samples:
                self._save_for_tensor(f"{self.network._get_name()}_{name}", parameter.detach())

    def _save_for_tensor(self, tensor_name: str, tensor_value: Tensor, check_before_write: bool = True) -> None:
        # Most tensors of a step are in no collection that saves it.
        if not self._get_collections_with_tensor(tensor_name) & self._get_collections_to_save_for_step():
            return
        if self.samples and tensor_value.numel() > 1:
            sample = sample_activation if tensor_value.dim() > 1 and "put_" in tensor_name else sample_parameter
            tensor_value = sample(tensor_value)
        super()._save_for_tensor(tensor_name, tensor_value, check_before_write)

    @staticmethod
    def _make_numpy_array(tensor_value: Any) -> Any:
        if not isinstance(tensor_value, Tensor):
            return Hook._make_numpy_array(tensor_value)
        tensor = tensor_value.detach()
        if tensor.dtype is torch.bfloat16:
            tensor = tensor.float()  # neither NumPy nor smdebug's format has bfloat16
        # A copy, as the optimizer changes weights in place before they are written.
        return tensor.to("cpu", copy=True).numpy()

    def _initialize_to_last_saved_state(self) -> None:
        """Nothing: steps go on from our own checkpoint."""

    def _cleanup(self) -> None:
        """Nothing at the interpreter's end: `close` does it."""

    def export_collections(self) -> None:
        self.collection_manager.set_num_workers(self.num_workers)
        self.collection_manager.export(self.out_dir, f"{self.worker}_collections.json")


def make_folder_ready(config: HookConfig, resumed: bool) -> None:
    """Remove what would mislead readers: another job's tensors, or the marks of this one's earlier end or kill."""
    for path in config.folder.rglob("*"):
        if path.is_file() and (not resumed or path.suffix in (".tmp", ".ts")):
            path.unlink()
