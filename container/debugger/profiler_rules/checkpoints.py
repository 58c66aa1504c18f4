"""What checkpoints inside epochs cost; those between epochs come whatever the settings are."""

import math
from dataclasses import dataclass

import numpy as np

from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.phrases import Floats, percent
from container.debugger.profiler_rules.steps import EVAL, TRAIN, Bools, Timeline

GOOD_SHARE = 0.02  # of the time; what is lost when a job is interrupted weighs more than this


@dataclass(frozen=True)
class Checkpoints:
    count: int
    seconds: float  # of all of them
    share: float  # of the time that steps and these checkpoints take together


def checkpoints_in_epochs(timeline: Timeline) -> Checkpoints:
    """Those that have a training step right before and right after them."""
    saves, steps, evaluations = (timeline.rows(phase) for phase in ("Checkpoint", TRAIN, EVAL))
    seconds = timeline.seconds[saves][_are_in_epochs(*(timeline.start[rows] for rows in (saves, steps, evaluations)))]
    total = float(seconds.sum())
    busy = timeline.total(TRAIN) / max(1, timeline.num_processes)
    return Checkpoints(len(seconds), total, total / (busy + total) if total else 0.0)


def _are_in_epochs(saves: Floats, steps: Floats, evaluations: Floats) -> Bools:
    step, evaluation = np.searchsorted(steps, saves), np.searchsorted(evaluations, saves)
    before, after = np.concatenate([[-np.inf], steps]), np.concatenate([steps, [np.inf]])
    last_evaluation = np.concatenate([[-np.inf], evaluations])[evaluation]
    next_evaluation = np.concatenate([evaluations, [np.inf]])[evaluation]
    return (before[step] > last_evaluation) & (after[step] < next_evaluation)


def checkpoint_advice(checkpoints: Checkpoints, job: JobFacts) -> str:
    """The interval at which checkpoints of this length take GOOD_SHARE of the time, a sentence."""
    mean = checkpoints.seconds / max(1, checkpoints.count)
    wanted = max(2, math.ceil(mean / GOOD_SHARE))
    given = job.number("checkpoint_seconds")
    if given is None:
        return (
            f"Leave at least {wanted} s between checkpoints (checkpoint_seconds): then they take {percent(GOOD_SHARE)}."
        )
    return f"Raise checkpoint_seconds from {given:g} to {max(wanted, 2 * int(given))}."
