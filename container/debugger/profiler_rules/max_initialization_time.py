from dataclasses import dataclass
from typing import Any, ClassVar

from container.debugger.profiler_rules.base import ProfilerRule
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.phrases import duration
from container.debugger.verdict import Issue, Verdict

ADVICE = (
    "See in the log what comes before the first step: a `pretrained` channel saves the download of weights, and fewer, "
    "larger files save time in listing a channel."
)


@dataclass(frozen=True, kw_only=True)
class MaxInitializationTime(ProfilerRule):
    name: ClassVar[str] = "MaxInitializationTime"
    summary: ClassVar[str] = "Whether the time until the first training step is too long."

    threshold: float = 20.0  # minutes

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        began, first, ended = _moments(profile, job)
        if began is None or (first is None and ended is None):
            return self.not_evaluated("neither a step nor a system metric tells when the job began")
        until = first if first is not None else ended
        assert until is not None
        seconds = max(0.0, until - began)
        details = _details(profile, began, ended or until)
        taken = f"{duration(seconds)} after the job began; the limit is {self.threshold:g} min"
        if seconds > 60 * self.threshold:
            message = f"The first step came {taken}." if first is not None else f"No step had come {taken}."
            issue = Issue(message=message, time=began + 60 * self.threshold)
            return self.found([issue], ADVICE, datapoints=1, violations=1, details=details)
        if first is None:
            return self.not_evaluated(f"no step has come yet, {taken}")
        return self.fine(f"The first step came {taken}.", 1, details)


def _moments(profile: Profile, job: JobFacts) -> tuple[float | None, float | None, float | None]:
    """When the job began, its first training step and the last thing known of it; None where nothing tells."""
    timeline, sampled = profile.timeline, profile.data.system["time"].to_numpy(float)
    initialization = timeline.rows("Initialization")
    began = job.started
    if len(initialization):
        began = float(timeline.start[initialization[0]])
    elif began is None and len(sampled):
        began = float(sampled.min())
    ends = [float(sampled.max())] if len(sampled) else []
    ends += [float((timeline.start + timeline.seconds).max())] if len(timeline.start) else []
    return began, profile.loop[0] if profile.loop else None, max(ends, default=None)


def _details(profile: Profile, began: float, ended: float) -> dict[str, Any]:
    details: dict[str, Any] = {"job_start": began, "job_end": ended}
    if profile.loop:
        details["step_num"] = {"first": int(1e6 * profile.loop[0]), "last": int(1e6 * profile.loop[1])}
    return details
