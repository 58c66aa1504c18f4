"""How much of a stretch of time events cover."""

import numpy as np

from container.debugger.profiler_rules.phrases import Floats


def covered_share(starts: Floats, seconds: Floats, times: Floats) -> Floats:
    """For rising `times` (T,): seconds (T,) that events cover since the time before, by the seconds in between.

    Events at the same time count each, so divide by the number of processes. The first time gets the median spacing.
    """
    if not len(times) or not len(starts):
        return np.zeros(len(times))
    spacing = np.diff(times)
    first = float(np.median(spacing)) if len(spacing) else 1.0
    edges = np.concatenate([[times[0] - first], times])
    origin = edges[0]  # seconds since the epoch, added up a million times, would leave no digits for the fraction
    before = _seconds_since(np.sort(starts) - origin, edges - origin)
    after = _seconds_since(np.sort(starts + seconds) - origin, edges - origin)
    return np.diff(before - after) / np.maximum(np.diff(edges), 1e-9)


def _seconds_since(moments: Floats, times: Floats) -> Floats:
    """For each time, the sum of the seconds since every moment before it."""
    count = np.searchsorted(moments, times)
    return times * count - np.concatenate([[0.0], np.cumsum(moments)])[count]
