from dataclasses import dataclass
from typing import Any, ClassVar

from container.debugger.profiler_rules.base import NO_TIMELINE, ProfilerRule
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.loading import (
    FEW_PERCENT,
    LOADING,
    MANY_PERCENT,
    MIN_STEPS,
    Waiting,
    loading_advice,
    loading_message,
)
from container.debugger.profiler_rules.phrases import box, histogram, percent
from container.debugger.verdict import Issue, Verdict


@dataclass(frozen=True, kw_only=True)
class Dataloader(ProfilerRule):
    name: ClassVar[str] = "Dataloader"
    summary: ClassVar[str] = "Whether training waits for its data, and whether there are too many loader processes."

    min_threshold: float = FEW_PERCENT  # loader processes in percent of the cores
    max_threshold: float = MANY_PERCENT
    waiting_threshold: float = 20.0  # percent of a training step; ours

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        if not len(profile.steps):
            return self.not_evaluated(NO_TIMELINE)
        if LOADING not in profile.steps.phases:
            return self.not_evaluated(f"the timeline has no phase {LOADING}, which the training loop records")
        waiting = profile.waiting
        if waiting is None:
            return self.not_evaluated(f"fewer than {MIN_STEPS} steps after warm-up; train for more steps")
        details = _details(profile, job)
        problem = self._problem(waiting, job)
        if problem is None:
            return self.fine(f"{loading_message(waiting)}.", waiting.steps, details)
        message, advice = problem
        if not advice:
            advice = loading_advice(waiting, job, profile.busy, self.min_threshold, self.max_threshold)
        return self.found(
            [self._issue(profile, message)], advice, datapoints=waiting.steps, violations=waiting.steps, details=details
        )

    def _problem(self, waiting: Waiting, job: JobFacts) -> tuple[str, str] | None:
        """What is wrong, and the advice if it is not the usual one."""
        cores, limit = job.cores_per_process, self.waiting_threshold / 100
        if job.workers > cores * self.max_threshold / 100:
            return f"{job.workers} loader processes share {cores} cores.", ""
        if waiting.dominates(limit):
            return f"{loading_message(waiting)} with {job.workers} loader processes.", ""
        if waiting.epoch_start_share > limit and job.workers > 1:
            share = percent(waiting.epoch_start_share)
            message = f"Waiting for the first batch of {waiting.epoch_starts} epochs takes {share} of training."
            fewer = max(1, job.workers // 2)
            return message, f"Lower workers from {job.workers} to {fewer}: each takes time to start, every epoch."
        return None

    def _issue(self, profile: Profile, message: str) -> Issue:
        """With the first warm step that waits too long."""
        steps = profile.steps.only(profile.steps.is_warm)
        is_long = steps.phases[LOADING] > self.waiting_threshold / 100 * steps.seconds
        index = int(is_long.argmax())
        return Issue(message=message, mode="TRAIN", mode_step=int(steps.number[index]), time=float(steps.start[index]))


def _details(profile: Profile, job: JobFacts) -> dict[str, Any]:
    seconds = profile.steps.phases[LOADING]
    processes = profile.timeline.num_processes
    return {
        "pin_memory": None,
        "num_workers": job.workers,
        "prefetch": None,
        "cores": job.cores,
        "dataloaders": processes * max(1, job.workers),
        "dataloading_time": {**box(seconds), **histogram(seconds)},
    }
