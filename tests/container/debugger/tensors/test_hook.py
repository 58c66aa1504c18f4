"""The hook on real networks, read back with smdebug's own reader, and compared with smdebug's own hook."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from container.debugger.smdebug_setup import set_environment

set_environment()

import smdebug.pytorch as smd  # noqa: E402  reads the environment
from smdebug.core.modes import ModeKeys  # noqa: E402
from smdebug.exceptions import TensorUnavailableForStep  # noqa: E402
from smdebug.trials import create_trial  # noqa: E402

from container.debugger.tensors.hook import TensorHook, make_folder_ready  # noqa: E402
from container.debugger.tensors.hook_config import HookConfig, default_content  # noqa: E402

LOSS = "CrossEntropyLoss_output_0"
EVERYTHING = [
    {"CollectionName": name, "CollectionParameters": parameters}
    for name, parameters in {
        "losses": {},
        "weights": {},
        "biases": {},
        "gradients": {},
        "relu_output": {"include_regex": ".*relu_output"},
        "predictions": {"include_regex": "CrossEntropyLoss_input_0"},
        "labels": {"include_regex": "CrossEntropyLoss_input_1"},
    }.items()
]


class Network(nn.Module):
    """A ReLU that is used twice, as in ResNet's blocks, and a part that can be frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.relu = nn.ReLU()
        self.head = nn.Sequential(nn.Linear(8, 4))

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu(self.relu(self.backbone(images))).mean((2, 3))
        return self.head(features)


def make_config(folder: Path, hook: dict[str, str], collections: list[Any] | None, is_ours: bool = False) -> HookConfig:
    content = {"LocalPath": str(folder), "HookParameters": hook, "CollectionConfigurations": collections}
    return HookConfig(content, folder, is_ours)


class Job:
    """A hooked network and its training, a step at a time."""

    def __init__(self, config: HookConfig, *, dtype: torch.dtype = torch.float32, scale: float = 1.0) -> None:
        torch.manual_seed(0)
        self.errors: list[Exception] = []
        self.dtype, self.scale = dtype, scale
        self.network, self.criterion = Network(), nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.network.parameters(), 0.1)
        self.hook = TensorHook(config, 0, 1, self.errors.append)
        self.hook.register(self.network, [self.criterion], lambda: self.scale)
        self.seen = {"TRAIN": 0, "EVAL": 0}

    def step(self, mode: str = "TRAIN", slices: int = 1) -> None:
        self.hook.begin_step(mode, self.seen[mode], sum(self.seen.values()))
        for number in range(slices):
            images, labels = batch(sum(self.seen.values()) + 100 * number)
            with torch.autocast("cpu", self.dtype, enabled=self.dtype is not torch.float32):
                loss = self.criterion(self.network(images), labels)
            if mode == "TRAIN":
                (loss * self.scale).backward()
        if mode == "TRAIN":
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.hook.end_step()
        self.seen[mode] += 1

    def run(self, *modes: str) -> "Job":
        for mode in modes:
            self.step(mode)
        self.hook.close()
        assert not self.errors, self.errors
        return self


def batch(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, 3, 8, 8, generator=generator), torch.arange(6) % 4


def read(folder: Path) -> Any:
    (folder / "training_job_end.ts").touch()
    return create_trial(str(folder))


@pytest.mark.filterwarnings("ignore:tostring")  # smdebug's writer; ours does without
def test_every_tensor_is_smdebugs_own_by_name_and_value(tmp_path: Path) -> None:
    Job(make_config(tmp_path / "ours", {"save_interval": "1"}, EVERYTHING)).run("TRAIN", "TRAIN", "EVAL")
    config = tmp_path / "config.json"
    config.write_text(json.dumps(make_config(tmp_path / "smdebug", {"save_interval": "1"}, EVERYTHING).content))
    train_with_smdebugs_own_hook(config)
    ours, theirs = read(tmp_path / "ours"), read(tmp_path / "smdebug")
    assert ours.tensor_names() == theirs.tensor_names()
    assert ours.steps() == theirs.steps() == [0, 1, 2]
    for step in ours.steps():
        assert ours.mode_modestep(step) == theirs.mode_modestep(step)
        assert ours.tensor_names(step=step) == theirs.tensor_names(step=step)
        for name in ours.tensor_names(step=step):
            np.testing.assert_array_equal(ours.tensor(name).value(step), theirs.tensor(name).value(step), name)
    assert len(ours.tensor_names()) == 17


def train_with_smdebugs_own_hook(config: Path) -> None:
    torch.manual_seed(0)
    network, criterion = Network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    hook = smd.Hook.create_from_json_file(str(config))
    hook.register_module(network)
    hook.register_loss(criterion)
    for number, mode in enumerate((ModeKeys.TRAIN, ModeKeys.TRAIN, ModeKeys.EVAL)):
        hook.set_mode(mode)
        images, labels = batch(number)
        loss = criterion(network(images), labels)
        if mode is ModeKeys.TRAIN:
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    hook.close()


def test_intervals_hold_per_mode_and_collection(tmp_path: Path) -> None:
    collections = [
        {"CollectionName": "losses", "CollectionParameters": {"train.save_interval": "2", "eval.save_interval": "3"}},
        {"CollectionName": "weights", "CollectionParameters": {"train.save_interval": "4", "eval.end_step": "0"}},
    ]
    Job(make_config(tmp_path / "t", {}, collections)).run(*["TRAIN"] * 6, *["EVAL"] * 4)
    trial = read(tmp_path / "t")
    assert trial.tensor(LOSS).steps(mode=ModeKeys.TRAIN) == [0, 2, 4]
    assert trial.tensor(LOSS).steps(mode=ModeKeys.EVAL) == [0, 3]
    assert trial.tensor("Network_head.0.weight").steps(mode=ModeKeys.TRAIN) == [0, 4]
    assert trial.tensor("Network_head.0.weight").steps(mode=ModeKeys.EVAL) == []


def test_reductions_are_saved_in_place_of_the_tensor(tmp_path: Path) -> None:
    parameters = {"save_interval": "1", "reductions": "mean,abs_max,l2_norm"}
    Job(make_config(tmp_path / "t", {}, [{"CollectionName": "weights", "CollectionParameters": parameters}])).run(
        "TRAIN"
    )
    weight = read(tmp_path / "t").tensor("Network_head.0.weight")
    torch.manual_seed(0)
    expected = Network().head[0].weight.detach()
    assert weight.reduction_value(0, "mean") == pytest.approx(expected.mean().item())
    assert weight.reduction_value(0, "max", abs=True) == pytest.approx(expected.abs().max().item())
    assert weight.reduction_value(0, "l2") == pytest.approx(expected.norm().item())
    with pytest.raises(TensorUnavailableForStep):
        weight.value(0)


def test_a_frozen_backbone_is_no_crash_and_has_no_gradients(tmp_path: Path) -> None:
    job = Job(make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING))
    job.network.backbone.requires_grad_(False)
    job.run("TRAIN", "TRAIN")
    trial = read(tmp_path / "t")
    gradients = trial.tensor_names(collection="gradients")
    assert gradients == ["gradient/Network_head.0.bias", "gradient/Network_head.0.weight"]
    assert "Network_backbone.0.weight" in trial.tensor_names(collection="weights")


def test_our_defaults_leave_frozen_weights_out_and_sample_large_tensors(tmp_path: Path) -> None:
    content = default_content({"weights": "", "gradients": "", "relu_output": ".*relu_output"}, 20, 1)
    job = Job(HookConfig({**content, "LocalPath": str(tmp_path / "t")}, tmp_path / "t", is_ours=True))
    job.network.backbone.requires_grad_(False)
    job.network.head[0] = nn.Linear(8, 5000)
    job.optimizer = torch.optim.SGD(job.network.parameters(), 0.1)
    job.hook.register(job.network, [job.criterion], lambda: 1.0)
    job.run("TRAIN")
    trial = read(tmp_path / "t")
    assert trial.tensor_names(collection="weights") == ["Network_head.0.weight"]
    assert trial.tensor("Network_head.0.weight").value(0).shape == (13_334,)  # of 40,000 every third
    assert trial.tensor("gradient/Network_head.0.weight").value(0).shape == (13_334,)
    assert trial.tensor("relu_output_0").value(0).shape == (6, 8, 8, 8)


def test_bfloat16_tensors_are_saved_as_float32(tmp_path: Path) -> None:
    Job(make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING), dtype=torch.bfloat16).run("TRAIN")
    logits = read(tmp_path / "t").tensor("CrossEntropyLoss_input_0").value(0)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_gradients_are_saved_without_the_loss_scale_of_fp16(tmp_path: Path) -> None:
    for name, scale in (("plain", 1.0), ("scaled", 1024.0)):
        Job(make_config(tmp_path / name, {"save_interval": "1"}, EVERYTHING), scale=scale).run("TRAIN")
    plain, scaled = (
        read(tmp_path / name).tensor("gradient/Network_head.0.weight").value(0) for name in ("plain", "scaled")
    )
    np.testing.assert_allclose(plain, scaled, rtol=1e-6)


def test_channels_last_gives_the_same_values(tmp_path: Path) -> None:
    for name, memory_format in (("plain", torch.contiguous_format), ("last", torch.channels_last)):
        job = Job(make_config(tmp_path / name, {"save_interval": "1"}, EVERYTHING))
        job.network.to(memory_format=memory_format)
        job.run("TRAIN")
    plain, last = read(tmp_path / "plain"), read(tmp_path / "last")
    for name in plain.tensor_names():
        np.testing.assert_allclose(plain.tensor(name).value(0), last.tensor(name).value(0), atol=1e-5, err_msg=name)


def test_an_accumulated_batch_is_one_step_of_which_the_first_slice_is_saved(tmp_path: Path) -> None:
    job = Job(make_config(tmp_path / "accumulated", {"save_interval": "1"}, EVERYTHING))
    job.step(slices=3)
    job.hook.close()
    Job(make_config(tmp_path / "plain", {"save_interval": "1"}, EVERYTHING)).run("TRAIN")
    accumulated, plain = read(tmp_path / "accumulated"), read(tmp_path / "plain")
    assert accumulated.steps() == [0]
    assert accumulated.tensor_names() == plain.tensor_names()
    for name in plain.tensor_names():
        np.testing.assert_array_equal(accumulated.tensor(name).value(0), plain.tensor(name).value(0), name)


def test_weights_are_those_before_the_step_although_they_are_written_after_it(tmp_path: Path) -> None:
    job = Job(make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING))
    before = [job.network.head[0].weight.detach().clone()]
    for _ in range(3):
        job.step()
        before.append(job.network.head[0].weight.detach().clone())
    job.hook.close()
    saved = read(tmp_path / "t").tensor("Network_head.0.weight")
    for step in range(3):
        np.testing.assert_array_equal(saved.value(step), before[step].numpy())


def test_the_network_is_as_before_once_the_hook_is_closed(tmp_path: Path) -> None:
    job = Job(make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING)).run("TRAIN", "EVAL")
    for module in job.network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not hasattr(module, "_module_name")
    torch.jit.script(job.network)  # refuses a network with hooks


def test_a_step_that_saves_nothing_touches_no_module(tmp_path: Path) -> None:
    job = Job(make_config(tmp_path / "t", {"save_interval": "5"}, EVERYTHING))
    job.step()
    job.hook.begin_step("TRAIN", 1, 1)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in job.network.modules())
    job.hook.close()


def test_a_step_that_saves_losses_is_attached_to_the_loss_alone(tmp_path: Path) -> None:
    job = Job(make_config(tmp_path / "t", {"save_interval": "1"}, None))
    job.hook.begin_step("TRAIN", 0, 0)
    assert [module for module in job.network.modules() if module._forward_hooks] == []
    assert len(job.criterion._forward_hooks) == 1
    job.hook.close()


def test_a_resumed_job_adds_to_the_steps_of_the_first(tmp_path: Path) -> None:
    config = make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING)
    Job(config).run("TRAIN", "TRAIN")
    read(tmp_path / "t")  # leaves the mark of an ended job
    make_folder_ready(config, resumed=True)
    again = Job(config)
    again.seen = {"TRAIN": 2, "EVAL": 0}
    again.run("TRAIN", "EVAL")
    trial = read(tmp_path / "t")
    assert trial.steps() == [0, 1, 2, 3]
    assert trial.tensor(LOSS).steps(mode=ModeKeys.TRAIN) == [0, 1, 2]


def test_a_step_cut_off_by_a_kill_is_written_whole_by_the_resumed_job(tmp_path: Path) -> None:
    config = make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING)
    Job(config).run("TRAIN")
    cut_off = tmp_path / "t" / "index" / "000000000" / "000000000001_worker_0.json.tmp"
    cut_off.write_text('{"meta": {"mode": "TR')
    make_folder_ready(config, resumed=True)
    assert not cut_off.exists()
    again = Job(config)
    again.seen = {"TRAIN": 1, "EVAL": 0}
    again.run("TRAIN")
    assert read(tmp_path / "t").steps() == [0, 1]


def test_a_new_job_removes_what_another_left(tmp_path: Path) -> None:
    config = make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING)
    Job(config).run(*["TRAIN"] * 3)
    make_folder_ready(config, resumed=False)
    Job(config).run("TRAIN")
    assert read(tmp_path / "t").steps() == [0]


def break_the_disk(job: Job, folder: Path) -> None:
    (folder / "events").write_text("a file where a folder should be")


def break_a_tensor(job: Job, folder: Path) -> None:
    job.hook._write_outputs = lambda *_: 1 / 0  # type: ignore[method-assign]


@pytest.mark.parametrize("accident", [break_the_disk, break_a_tensor])
def test_an_error_of_the_hook_is_reported_once_and_training_goes_on(
    tmp_path: Path, accident: Callable[[Job, Path], None]
) -> None:
    job = Job(make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING))
    accident(job, tmp_path / "t")
    for _ in range(3):
        job.step()
    job.hook.background.close()
    job.step()
    job.hook.end_step()
    assert len(job.errors) == 1
    assert job.seen["TRAIN"] == 4


def test_of_several_workers_each_writes_under_its_own_name(tmp_path: Path) -> None:
    config = make_config(tmp_path / "t", {"save_interval": "1", "include_workers": "all"}, EVERYTHING)
    for rank in range(2):
        job = Job(config)
        job.hook.worker = job.hook.background._worker = f"worker_{rank}"
        job.hook.num_workers = 2
        job.run("TRAIN")
    trial = read(tmp_path / "t")
    assert trial.workers() == ["worker_0", "worker_1"]
    for worker in trial.workers():
        assert trial.tensor(LOSS).value(0, worker=worker) > 0
