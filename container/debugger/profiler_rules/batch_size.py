from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from container.debugger.profiler_rules.base import NO_SAMPLES, NO_TIMELINE, ProfilerRule
from container.debugger.profiler_rules.batch_growth import (
    FULL,
    MIN_STEPS,
    ON_CPU_FIXED_SHARE,
    cpu_batch_advice,
    fixed_cost,
    gpu_batch_advice,
    memory_used,
)
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.loading import loading_message
from container.debugger.profiler_rules.phrases import Floats, box, duration, percent
from container.debugger.profiler_rules.samples import CPU, GPU, GPU_MEMORY
from container.debugger.verdict import Issue, Verdict


@dataclass(frozen=True, kw_only=True)
class BatchSize(ProfilerRule):
    name: ClassVar[str] = "BatchSize"
    summary: ClassVar[str] = "Whether the batch is too small to keep the machine busy."

    cpu_threshold_p95: float = FULL
    gpu_threshold_p95: float = FULL
    gpu_memory_threshold_p95: float = FULL  # of the machine's memory where there is no GPU
    patience: int = 20
    window: int = 500

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        has_gpu = bool(profile.machine.samples(GPU))
        verdict = self._on_gpu(profile, job) if has_gpu else self._on_cpu(profile, job)
        waiting = profile.waiting
        if verdict.advice and waiting is not None and waiting.dominates():
            return self.fine(
                f"{loading_message(waiting)}, so a larger batch would only wait longer: see rule Dataloader first.",
                verdict.datapoints,
                verdict.details,
            )
        return verdict

    def _on_gpu(self, profile: Profile, job: JobFacts) -> Verdict:
        counts = [len(values[-self.window :]) for _, _, values in profile.machine.devices(GPU)]
        if min(counts) < self.patience:
            return self.not_evaluated(f"fewer than {self.patience} samples of a GPU; train for longer", sum(counts))
        use, memory, cpu = (self._highest(profile, metric) for metric in (GPU, GPU_MEMORY, CPU))
        measured = (
            f"95 % of samples are below {use:.0f} % GPU utilisation, {memory:.0f} % GPU memory and {cpu:.0f} % CPU"
        )
        details = self._details(profile)
        if use >= self.gpu_threshold_p95 or memory >= self.gpu_memory_threshold_p95 or cpu >= self.cpu_threshold_p95:
            return self.fine(f"The batch fills the machine: {measured}.", sum(counts), details)
        issue = Issue(message=f"The batch is small for the machine: {measured}.", time=self._end(profile))
        return self.found(
            [issue], gpu_batch_advice(job, use, memory), datapoints=sum(counts), violations=sum(counts), details=details
        )

    def _highest(self, profile: Profile, metric: str) -> float:
        """The 95th percentile of the busiest GPU, or of a node's cores together; 0 where there are no samples."""
        if metric == CPU:
            series = [samples.mean for samples in profile.machine.samples(CPU).values()]
        else:
            series = [values for _, _, values in profile.machine.devices(metric)]
        return max((_p95(values[-self.window :]) for values in series if len(values)), default=0.0)

    def _on_cpu(self, profile: Profile, job: JobFacts) -> Verdict:
        """By what steps spend their time on: threads that wait for work keep a CPU as busy as work does."""
        if not len(profile.steps):
            return self.not_evaluated(NO_TIMELINE)
        fixed = fixed_cost(profile.steps)
        if fixed is None:
            return self.not_evaluated(f"fewer than {MIN_STEPS} steps with their phases; train for more steps")
        memory = memory_used(profile)
        count, details = len(profile.steps), self._details(profile)
        measured = (
            f"{percent(fixed.share)} of a step of {duration(fixed.step_seconds)} are the optimizer and other work that "
            "does not depend on the batch"
        )
        if fixed.share <= ON_CPU_FIXED_SHARE:
            return self.fine(f"The batch is large enough: {measured}.", count, details)
        if memory is None:
            return self.not_evaluated(NO_SAMPLES, count)
        if memory >= self.gpu_memory_threshold_p95:
            return self.fine(f"{measured}, but {memory:.0f} % of the memory are in use.", count, details)
        issue = Issue(message=f"{measured}.", mode="TRAIN", time=self._end(profile))
        advice = cpu_batch_advice(job, fixed, memory)
        return self.found([issue], advice, datapoints=count, violations=count, details=details)

    def _details(self, profile: Profile) -> dict[str, Any]:
        """Node -> cpu, gpu<n> and gpu<n>_memory -> box."""
        details: dict[str, Any] = {}
        for node, samples in profile.machine.samples(CPU).items():
            details.setdefault(node, {})["cpu"] = box(samples.mean[-self.window :])
        for metric, suffix in ((GPU, ""), (GPU_MEMORY, "_memory")):
            for node, device, values in profile.machine.devices(metric):
                details.setdefault(node, {})[f"{device}{suffix}"] = box(values[-self.window :])
        return details

    def _end(self, profile: Profile) -> float | None:
        return profile.loop[1] if profile.loop else None


def _p95(values: Floats) -> float:
    return float(np.quantile(values, 0.95))
