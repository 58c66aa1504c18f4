"""Moments at which training starves while something else is saturated: what the two bottleneck rules share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from container.debugger.profiler_rules.base import NO_SAMPLES
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.phrases import Floats
from container.debugger.profiler_rules.samples import GPU, Samples
from container.debugger.profiler_rules.steps import Bools

KEPT_MOMENTS = 50
MOSTLY = 0.5  # of the time of a sample


@dataclass(frozen=True)
class Starvation:
    """Samples of all nodes together."""

    samples: int
    moments: Floats  # (M,) seconds since the epoch at which training starved and the suspect was saturated
    starving: int  # samples at which training starved, whatever the reason
    details: dict[str, Any]

    @property
    def percent(self) -> float:
        return 100 * len(self.moments) / max(1, self.samples)


def missing(found: Starvation, profile: Profile, patience: int) -> str:
    """What a verdict lacks, to complete `Not enough data: ...`; empty if it lacks nothing."""
    if not found.samples:
        return NO_SAMPLES
    if found.samples < patience:
        return f"{found.samples} samples; it takes {patience}, so train longer"
    if not has_gpu(profile) and profile.waiting is None:
        return "no GPU, and no steps whose waits for data are known"
    return ""


def starvation(
    profile: Profile, suspect: str, gpu_threshold: float, saturated: Callable[[Samples], Bools]
) -> Starvation:
    """Where a GPU is below its threshold, or without one most of the time is waiting for data, and the suspect is
    saturated. `suspect` is a metric, and `saturated` says when (T,) it is."""
    moments, starving, count, details = [], 0, 0, {}
    for node, samples in profile.machine.samples(suspect).items():
        hungry = _hungry(profile, node, samples.time, gpu_threshold)
        both = hungry & saturated(samples)
        count, starving = count + len(samples), starving + int(hungry.sum())
        moments.append(samples.time[both])
        for index in np.flatnonzero(both)[:KEPT_MOMENTS]:
            details[f"{samples.time[index]:.3f}"] = _moment(profile, node, samples, int(index))
    found = np.sort(np.concatenate(moments)) if moments else np.zeros(0)
    return Starvation(count, found, starving, {"bottlenecks": details, "low_gpu_utilization": starving})


def _hungry(profile: Profile, node: str, times: Floats, gpu_threshold: float) -> Bools:
    gpus = profile.machine.samples(GPU).get(node)
    if gpus is None:
        return profile.waiting_share(node, times) > MOSTLY
    lowest = np.nanmin(gpus.values, 1)
    return lowest[_nearest(gpus.time, times)] < gpu_threshold


def _moment(profile: Profile, node: str, samples: Samples, index: int) -> dict[str, Any]:
    """What was measured at one moment."""
    time = samples.time[index : index + 1]
    moment: dict[str, Any] = {"GPUs": {}, "CPUs": _row(samples, index)}
    if (gpus := profile.machine.samples(GPU).get(node)) is not None:
        moment["GPUs"] = _row(gpus, int(_nearest(gpus.time, time)[0]))
    return moment


def _row(samples: Samples, index: int) -> dict[str, float]:
    row = zip(samples.devices, samples.values[index].tolist(), strict=True)
    return {device: value for device, value in row if not np.isnan(value)}


def _nearest(known: Floats, times: Floats) -> Any:
    """The index (T,) of the sample that is next to each time."""
    after = np.clip(np.searchsorted(known, times), 0, len(known) - 1)
    before = np.clip(after - 1, 0, len(known) - 1)
    return np.where(np.abs(known[before] - times) < np.abs(known[after] - times), before, after)


def has_gpu(profile: Profile) -> bool:
    return bool(profile.machine.samples(GPU))


def some_core(threshold: float) -> Callable[[Samples], Bools]:
    return lambda samples: samples.max > threshold


def all_cores(threshold: float) -> Callable[[Samples], Bools]:
    """By their mean. Where a CPU trains, one busy core is no bottleneck."""
    return lambda samples: samples.mean > threshold
