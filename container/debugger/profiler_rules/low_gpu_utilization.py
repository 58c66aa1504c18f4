import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from container.debugger.profiler_rules.base import NO_SAMPLES, ProfilerRule
from container.debugger.profiler_rules.batch_growth import (
    FULL,
    ON_CPU_FIXED_SHARE,
    cpu_batch_advice,
    fixed_cost,
    gpu_batch_advice,
    memory_used,
)
from container.debugger.profiler_rules.checkpoints import checkpoint_advice
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.loading import loading_advice, loading_message
from container.debugger.profiler_rules.phrases import Floats, box, percent
from container.debugger.profiler_rules.samples import CPU, GPU, GPU_MEMORY
from container.debugger.verdict import Issue, Verdict

CHECKPOINTS_DOMINATE = 0.1  # of the time of training steps


@dataclass(frozen=True, kw_only=True)
class LowGPUUtilization(ProfilerRule):
    name: ClassVar[str] = "LowGPUUtilization"
    summary: ClassVar[str] = "Whether a GPU, or the cores of a machine without one, idle or are busy only in bursts."

    threshold_p95: float = 70.0
    threshold_p5: float = 10.0
    window: int = 500
    patience: int = 20

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        windows = self._windows(profile)
        if not windows:
            return self.not_evaluated(NO_SAMPLES)
        counts = [len(values) for values in windows.values()]
        if min(counts) < self.patience:
            missing = f"{min(counts)} samples of a device; it takes {self.patience}, so train longer"
            return self.not_evaluated(missing, sum(counts))
        end, details = _end(profile), self._details(windows, _end(profile))
        messages = {key: self._message(f"{key[1]} of {key[0]}", values) for key, values in windows.items()}
        issues = [Issue(message=message, time=end) for message in messages.values() if message]
        if not issues:
            lowest = min(float(np.quantile(values, 0.95)) for values in windows.values())
            return self.fine(f"Even the idlest is {lowest:.0f} % busy at its 95th percentile.", sum(counts), details)
        low = sum(int((windows[key] < self.threshold_p95).sum()) for key, message in messages.items() if message)
        return self.found(issues, _advice(profile, job), datapoints=sum(counts), violations=low, details=details)

    def _windows(self, profile: Profile) -> dict[tuple[str, str], Floats]:
        """(node, device) -> the last samples, of every GPU or of each node's cores together."""
        series = {(node, gpu): values for node, gpu, values in profile.machine.devices(GPU)}
        if not series:
            series = {(node, "cpu"): samples.mean for node, samples in profile.machine.samples(CPU).items()}
        return {key: values[-self.window :] for key, values in series.items()}

    def _message(self, what: str, values: Floats) -> str:
        """What is wrong with a window of samples; empty if nothing is."""
        low, high = (float(value) for value in np.quantile(values, (0.05, 0.95)))
        if high < self.threshold_p95:
            return f"{what} idles: 95 % of samples are below {high:.0f} %; the limit is {self.threshold_p95:g} %."
        if low < self.threshold_p5:
            return f"{what} works in bursts: 5 % of samples are below {low:.0f} %, and 5 % are above {high:.0f} %."
        return ""

    def _details(self, windows: dict[tuple[str, str], Floats], end: float) -> dict[str, Any]:
        details: dict[str, Any] = {"last_timestamp": end}
        for (node, device), values in windows.items():
            numbers = box(values)
            platform = {"gpu_max": numbers["max"], "gpu_95": numbers["p95"], "gpu_5": numbers["p05"]}
            details.setdefault(node, {})[device] = {**platform, **numbers}
        return details


def _end(profile: Profile) -> float:
    """The time of the last sample."""
    nodes = profile.machine.samples(GPU) or profile.machine.samples(CPU)
    return max(float(samples.time[-1]) for samples in nodes.values())


def _advice(profile: Profile, job: JobFacts) -> str:
    """What keeps the device waiting, the likeliest first."""
    waiting, checkpoints = profile.waiting, profile.checkpoints
    if waiting is not None and waiting.dominates():
        return f"{loading_message(waiting)}. {loading_advice(waiting, job, profile.busy)}"
    if checkpoints.share > CHECKPOINTS_DOMINATE:
        share = percent(checkpoints.share)
        return f"Checkpoints take {share} of the time. {checkpoint_advice(checkpoints, job)}"
    return _gpu_advice(profile, job) if profile.machine.samples(GPU) else _cpu_advice(profile, job)


def _gpu_advice(profile: Profile, job: JobFacts) -> str:
    """Where neither data nor checkpoints explain it; no larger batch where rule BatchSize would not have it either."""
    use, memory = (
        max((float(np.quantile(values, 0.95)) for _, _, values in profile.machine.devices(metric)), default=0.0)
        for metric in (GPU, GPU_MEMORY)
    )
    if use < FULL and memory < FULL and (profile.busy or 0.0) < FULL:
        return gpu_batch_advice(job, use, memory)
    if use < FULL:
        return f"Use a machine with a smaller GPU: its memory is {memory:.0f} % full, so the batch cannot grow."
    between = 1 - profile.share_of_steps
    return (
        f"See in the timeline what runs while the GPU idles: {percent(between)} of the loop's time lie between steps."
    )


def _cpu_advice(profile: Profile, job: JobFacts) -> str:
    fixed, memory = fixed_cost(profile.steps), memory_used(profile) or 0.0
    if fixed is not None and fixed.share > ON_CPU_FIXED_SHARE and memory < FULL:
        return cpu_batch_advice(job, fixed, memory)
    wanted = max(1, math.ceil(job.cores * (profile.busy or 0.0) / 100))
    return f"Use a machine with fewer cores: the work of {wanted} of {job.cores} is done."
