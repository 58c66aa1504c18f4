from dataclasses import dataclass
from typing import ClassVar

from container.debugger.profiler_rules.base import ProfilerRule
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.loading import MANY_PERCENT, cheaper_decoding, loading_advice
from container.debugger.profiler_rules.samples import CPU
from container.debugger.profiler_rules.starvation import all_cores, has_gpu, missing, some_core, starvation
from container.debugger.verdict import Issue, Verdict


@dataclass(frozen=True, kw_only=True)
class CPUBottleneck(ProfilerRule):
    name: ClassVar[str] = "CPUBottleneck"
    summary: ClassVar[str] = "Whether training starves because the cores cannot prepare its data fast enough."

    threshold: float = 50.0  # percent of samples
    gpu_threshold: float = 10.0
    cpu_threshold: float = 90.0
    patience: int = 20

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        with_gpu = has_gpu(profile)
        saturated = some_core if with_gpu else all_cores
        found = starvation(profile, CPU, self.gpu_threshold, saturated(self.cpu_threshold))
        if lacking := missing(found, profile, self.patience):
            return self.not_evaluated(lacking, found.samples)
        starved = "a GPU idled while a core was" if with_gpu else "steps waited for data while all cores were"
        measured = f"In {found.percent:.0f} % of samples {starved} above {self.cpu_threshold:g} %"
        if found.percent <= self.threshold:
            return self.fine(f"{measured}.", found.samples, found.details)
        issue = Issue(message=f"{measured}; the limit is {self.threshold:g} %.", time=float(found.moments[0]))
        return self.found(
            [issue],
            self._advice(profile, job),
            datapoints=found.samples,
            violations=len(found.moments),
            details=found.details,
        )

    def _advice(self, profile: Profile, job: JobFacts) -> str:
        waiting, cores = profile.waiting, job.cores_per_process
        if waiting is not None and waiting.dominates():
            return loading_advice(waiting, job, profile.busy)
        if job.workers > cores * MANY_PERCENT / 100:
            return f"Lower workers from {job.workers} to {cores}."
        return cheaper_decoding(job)
