from dataclasses import dataclass
from typing import ClassVar

from container.debugger.profiler_rules.base import ProfilerRule
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.loading import loading_advice, loading_message
from container.debugger.profiler_rules.samples import IO_WAIT
from container.debugger.profiler_rules.starvation import has_gpu, missing, some_core, starvation
from container.debugger.verdict import Issue, Verdict

FASTER = "Use input mode File instead of FastFile, or a faster volume: reading files holds training up."


@dataclass(frozen=True, kw_only=True)
class IOBottleneck(ProfilerRule):
    name: ClassVar[str] = "IOBottleneck"
    summary: ClassVar[str] = "Whether training starves because cores wait for disks."

    threshold: float = 50.0  # percent of samples
    gpu_threshold: float = 10.0
    io_threshold: float = 50.0
    patience: int = 20

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        with_gpu = has_gpu(profile)
        found = starvation(profile, IO_WAIT, self.gpu_threshold, some_core(self.io_threshold))
        if lacking := missing(found, profile, self.patience):
            return self.not_evaluated(lacking, found.samples)
        starved = "a GPU idled" if with_gpu else "steps waited for data"
        measured = (
            f"In {found.percent:.0f} % of samples {starved} while a core waited for disks above {self.io_threshold:g} %"
        )
        if found.percent <= self.threshold:
            return self.fine(f"{measured}.", found.samples, found.details)
        issue = Issue(message=f"{measured}; the limit is {self.threshold:g} %.", time=float(found.moments[0]))
        return self.found(
            [issue],
            _advice(profile, job),
            datapoints=found.samples,
            violations=len(found.moments),
            details=found.details,
        )


def _advice(profile: Profile, job: JobFacts) -> str:
    waiting = profile.waiting
    if waiting is not None and waiting.dominates() and job.workers < job.cores_per_process:
        return f"{loading_message(waiting)}. {loading_advice(waiting, job, profile.busy)}"
    return FASTER
