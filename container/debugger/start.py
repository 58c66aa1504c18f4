"""Settings and network -> the debugger of one training process."""

from collections.abc import Callable

from smdebug.exceptions import InvalidCollectionConfiguration, SMDebugError
from torch import nn

from container import contract
from container.debugger.debugger import Debugger
from container.debugger.facts import write_facts
from container.debugger.judge.rule_choice import choose_rules
from container.debugger.profiler.config import LiveConfig
from container.debugger.profiler.nodes import node_name
from container.debugger.profiler.operators import OperatorProfiler
from container.debugger.profiler.timeline import Timeline
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.tensors.hook import TensorHook, make_folder_ready
from container.debugger.tensors.hook_config import read_hook_config
from container.errors import SettingsError
from container.settings import TrainSettings


def start_debugger(
    settings: TrainSettings,
    network: nn.Module,
    losses: list[nn.Module],
    gradient_scale: Callable[[], float],
    steps_per_epoch: int,
    eval_batches: int,
    trained: tuple[int, int],
    facts: JobFacts,
    wait: Callable[[], None],
) -> Debugger:
    """Everything that the job's settings and the platform's files ask for, at the step where the job goes on.

    `trained` are the training and evaluation steps of the checkpoint, both 0 for a new job; `wait` returns once every
    process has called it. Raises SettingsError for a file or hyperparameter that a person has to mend.
    """
    debugger = Debugger(started=facts.started)
    debugger.resume_at(*trained)
    num_steps = steps_per_epoch * settings.hyperparameters.num_epochs
    try:
        hook = _make_hook(settings, debugger, num_steps, eval_batches, any(trained), wait)
        if hook is not None:
            _register(hook, network, losses, gradient_scale)
            debugger.attach("tensors", hook)
    except OSError as error:  # the disk's fault, not the settings': training does without
        debugger.warn("tensors", error)
    _start_profiler(settings, debugger, facts)
    return debugger


def _make_hook(
    settings: TrainSettings,
    debugger: Debugger,
    num_steps: int,
    eval_batches: int,
    resumed: bool,
    wait: Callable[[], None],
) -> TensorHook | None:
    collections = choose_rules(settings.hyperparameters.rules).collections
    config = read_hook_config(settings.base_dir, collections, num_steps, eval_batches)
    try:
        if settings.local_rank == 0:
            make_folder_ready(config, resumed)
    finally:
        wait()  # or another process's first file would be taken for an earlier job's
    if settings.rank > 0 and not config.all_workers:
        return None
    try:
        return TensorHook(config, settings.rank, settings.world_size, lambda error: debugger.warn("tensors", error))
    except (SMDebugError, ValueError) as error:
        raise SettingsError(f"{contract.DEBUG_HOOK_CONFIG_FILE} cannot be used: {error}; correct it.") from error


def _register(
    hook: TensorHook, network: nn.Module, losses: list[nn.Module], gradient_scale: Callable[[], float]
) -> None:
    try:
        hook.register(network, losses, gradient_scale)
    except InvalidCollectionConfiguration as error:
        raise SettingsError(
            f"{contract.DEBUG_HOOK_CONFIG_FILE}: the collection {error.c_name} needs an include_regex; only losses, "
            "weights, biases, gradients and all do without one."
        ) from error


def _start_profiler(settings: TrainSettings, debugger: Debugger, facts: JobFacts) -> None:
    live = LiveConfig(settings.base_dir / "input" / "config" / contract.PROFILER_CONFIG_FILE, settings.base_dir)
    config = live.current()
    if settings.rank == 0:
        try:
            write_facts(config.folder, facts)
        except OSError as error:  # as with tensors: the rules then advise without them
            debugger.warn("timeline", error)
            return
    if not config.enabled:
        return
    node = node_name(settings.current_host, list(settings.hosts))
    debugger.attach("timeline", Timeline(config.folder, node, config.rotate_bytes, config.rotate_seconds))
    if settings.local_rank == 0:
        debugger.attach("operators", OperatorProfiler(config.folder, live))
