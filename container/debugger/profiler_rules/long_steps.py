"""Steps that take far longer than most, and which of their phases is to blame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from container.debugger.profiler_rules.steps import Bools, Steps, Timeline

NORMAL_SPREAD = 1.4826  # of a normal distribution: its standard deviation by its median absolute deviation
LEAST_RATIO = 1.5  # of the median: where all steps are alike, 1 % more is many deviations and yet nothing
REGULAR = 0.6  # share of equal distances between outliers
OTHER = "no known phase"


@dataclass(frozen=True)
class LongSteps:
    """M outliers among the steps that were looked at. Seconds."""

    steps: Steps  # (M,)
    usual: float  # the median of all
    limit: float
    lost_share: float  # of the time of all: what outliers took beyond the usual
    blame: list[str]  # (M,) the phase that was longest beyond its own median
    blamed: str  # the phase that cost most over all of them; OTHER without any
    saving: Bools  # (M,) whether a checkpoint was being written
    period: int  # they come every so many steps; 0 if they do not


def undisturbed(steps: Steps, operators: Sequence[dict[str, Any]]) -> Steps:
    """Those after warm-up, and away from the steps that the operator profiler made slow itself."""
    is_disturbed = ~steps.is_warm
    for window in operators:
        first, last = (window.get("steps") or [0, -2])[:2]
        is_disturbed = is_disturbed | ((steps.number >= first - 1) & (steps.number <= last + 1))
    return steps.only(~is_disturbed)


def long_steps(steps: Steps, deviations: float, timeline: Timeline) -> LongSteps:
    """The outliers among at least one step."""
    usual = float(np.median(steps.seconds))
    spread = NORMAL_SPREAD * float(np.median(np.abs(steps.seconds - usual)))
    limit = max(usual + deviations * spread, LEAST_RATIO * usual)
    is_long = steps.seconds > limit
    found = steps.only(is_long)
    blame, blamed = _blame(steps, is_long)
    return LongSteps(
        steps=found,
        usual=usual,
        limit=limit,
        lost_share=float((found.seconds - usual).sum() / max(1e-12, steps.seconds.sum())),
        blame=blame,
        blamed=blamed,
        saving=_overlaps(found, timeline, "Checkpoint"),
        period=_period(found),
    )


def _blame(steps: Steps, is_long: Bools) -> tuple[list[str], str]:
    phases = {**steps.phases, OTHER: steps.other}
    more = np.stack([seconds[is_long] - np.median(seconds) for seconds in phases.values()])  # (P, M)
    names = list(phases)
    if not more.size:
        return [], OTHER
    return [names[row] for row in more.argmax(0)], names[int(more.sum(1).argmax())]


def _overlaps(steps: Steps, timeline: Timeline, phase: str) -> Bools:
    rows = timeline.rows(phase)
    begun = np.searchsorted(timeline.start[rows], steps.start + steps.seconds)
    over = np.searchsorted(np.sort((timeline.start + timeline.seconds)[rows]), steps.start, "right")
    return begun > over


def _period(steps: Steps) -> int:
    """The distance that most neighbours among the outliers have; 0 for fewer than four, or if they are in a row."""
    if len(steps) < 4:
        return 0
    distances = np.diff(np.unique(steps.number))
    values, counts = np.unique(distances, return_counts=True)
    if not len(counts) or counts.max() < REGULAR * len(distances):
        return 0
    commonest = int(values[counts.argmax()])
    return commonest if commonest > 1 else 0
