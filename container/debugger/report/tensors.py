"""Losses per step and distributions over time, from the tensors that the hook saved. The work is bounded by a clock."""

import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from container.debugger.report.distributions import Distribution, names_by_kind, read_distributions, saved_value
from container.debugger.report.thin import coarse_to_fine, evenly
from container.debugger.smdebug_setup import set_environment

MAX_LOSSES = 600
NO_TENSORS = (
    "No tensors were saved, so there are no losses per step and no distributions: run the job with the hyperparameter "
    "debugger=true, and choose what is saved by debughookconfig.json."
)


@dataclass(frozen=True, kw_only=True)
class LossCurve:
    """The loss of every step read: `steps` count all modes together, as smdebug and the rules do."""

    mode: str  # TRAIN, EVAL or GLOBAL
    steps: list[int]
    values: list[float]


@dataclass(frozen=True, kw_only=True)
class SavedTensors:
    losses: list[LossCurve] = field(default_factory=list)
    distributions: list[Distribution] = field(default_factory=list)
    num_tensors: int = 0  # saved in all, by kinds that have a distribution
    missing: str = NO_TENSORS  # a sentence; empty if there is anything


def read_saved_tensors(folder: Path | None, seconds: float) -> SavedTensors:
    """What the folder of tensors holds, as far as it can be read in `seconds`; never raises on a half-written one."""
    if folder is None or not _has_collections(folder):
        return SavedTensors()
    set_environment()
    from smdebug.exceptions import SMDebugError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # smdebug calls Logger.warn
        try:
            return _read(folder, seconds)
        except (SMDebugError, OSError, ValueError, KeyError) as error:
            sentence = f"The tensors in {folder} cannot be read ({error}); run the report again when the job has ended."
            return SavedTensors(missing=sentence)


def _read(folder: Path, seconds: float) -> SavedTensors:
    from smdebug.trials import create_trial

    end = time.monotonic() + seconds
    trial = create_trial(str(folder))
    # One reading of a run that may still go on: waiting for what comes, or for a file that is lost, takes seconds.
    trial.dynamic_refresh = False
    trial.index_reader.event_file_retry_limit = 0
    losses = list(_losses(trial, time.monotonic() + seconds / 3))
    names = names_by_kind(trial)
    return SavedTensors(
        losses=losses,
        distributions=read_distributions(trial, names, end),
        num_tensors=sum(map(len, names.values())),
        missing="",
    )


def _has_collections(folder: Path) -> bool:
    """Whether smdebug can open the folder: without every worker's collections it would wait for ever."""
    paths = list(folder.glob("collections/*/*_collections.json"))
    try:
        return bool(paths) and len(paths) >= json.loads(paths[0].read_text()).get("num_workers", 1)
    except (OSError, ValueError, AttributeError):
        return False


def _losses(trial: Any, end: float) -> Iterator[LossCurve]:
    names = [name for name in trial.tensor_names() if "Loss_output_0" in name or name.startswith("loss")]
    by_mode: dict[str, list[tuple[int, float]]] = {}
    for name in sorted(names)[:1]:
        tensor = trial.tensor(name)
        steps = tensor.steps()
        for step in (steps[index] for index in coarse_to_fine(evenly(len(steps), MAX_LOSSES))):
            if time.monotonic() > end:
                break
            value = saved_value(tensor, step)
            if value is not None and value.size:
                by_mode.setdefault(trial.mode_modestep(step)[0].name, []).append((step, float(value.mean())))
    for mode in sorted(by_mode, reverse=True):  # TRAIN before EVAL
        steps, values = zip(*sorted(by_mode[mode]), strict=True)
        yield LossCurve(mode=mode, steps=list(steps), values=list(values))
