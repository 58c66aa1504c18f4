from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from container.debugger.profiler_rules.base import ProfilerRule
from container.debugger.profiler_rules.checkpoints import checkpoint_advice
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.loading import LOADING, loading_advice
from container.debugger.profiler_rules.long_steps import LongSteps, long_steps, undisturbed
from container.debugger.profiler_rules.phrases import duration, histogram, percent, quantiles
from container.debugger.profiler_rules.steps import Steps
from container.debugger.verdict import Issue, Verdict

MIN_STEPS = 20
SURE_STEPS = 100  # from here on the platform's rule judges; with fewer, fewer outliers are allowed
NOTICEABLE = 0.01  # of the time: less than this is no issue, however many steps it is
SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class StepOutlier(ProfilerRule):
    name: ClassVar[str] = "StepOutlier"
    summary: ClassVar[str] = "Whether some steps take far longer than others, and what they spend the time on."

    stddev: float = 3.0  # of steps around their median, estimated so that an outlier does not hide in its own spread
    mode: str | None = None  # TRAIN or EVAL; None is TRAIN
    n_outliers: int = 10
    lost_threshold: float = 10.0  # percent of the time that outliers, or checkpoints, may cost; ours

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        is_evaluation = (self.mode or "").upper().endswith("EVAL")
        steps = undisturbed(profile.evaluation_steps if is_evaluation else profile.steps, profile.data.operators)
        if not is_evaluation and 100 * profile.checkpoints.share > self.lost_threshold:
            return self._checkpoints(profile, job, steps)
        if len(steps) < MIN_STEPS:
            few = f"{len(steps)} steps after warm-up; it takes {MIN_STEPS}, so train for more steps"
            return self.not_evaluated(few, len(steps))
        found = long_steps(steps, self.stddev, profile.timeline)
        details = self._details(profile, steps, found)
        message = f"{_count(found)} of {len(steps)} steps took longer than {duration(found.limit)}, where "
        message += f"{duration(found.usual)} are usual, and cost {percent(found.lost_share)} of the time"
        if len(steps) < SURE_STEPS:
            message += f" (of only {len(steps)} steps)"
        if not self._is_issue(found, len(steps)):
            return self.fine(f"{message}.", len(steps), details)
        issues = [Issue(message=f"{message}, mostly in {found.blamed}.", time=float(found.steps.start[0]))]
        issues += _worst(found, "EVAL" if is_evaluation else "TRAIN")
        return self.found(
            issues, _advice(found, profile, job), datapoints=len(steps), violations=len(found.steps), details=details
        )

    def _is_issue(self, found: LongSteps, count: int) -> bool:
        allowed = self.n_outliers * min(1.0, count / SURE_STEPS)
        many = len(found.steps) > allowed and found.lost_share > NOTICEABLE
        return many or (len(found.steps) > 0 and 100 * found.lost_share > self.lost_threshold)

    def _checkpoints(self, profile: Profile, job: JobFacts, steps: Steps) -> Verdict:
        """Checkpoints between steps make none of them long, and cost all the same."""
        saved = profile.checkpoints
        message = (
            f"{saved.count} checkpoints inside epochs took {duration(saved.seconds)}, "
            f"{percent(saved.share)} of the time of training."
        )
        first = profile.timeline.start[profile.timeline.rows("Checkpoint")[0]]
        details = self._details(profile, steps, long_steps(steps, self.stddev, profile.timeline)) if len(steps) else {}
        return self.found(
            [Issue(message=message, mode="TRAIN", time=float(first))],
            checkpoint_advice(saved, job),
            datapoints=len(steps) + saved.count,
            violations=saved.count,
            details=details,
        )

    def _details(self, profile: Profile, steps: Steps, found: LongSteps) -> dict[str, Any]:
        nodes = np.array(profile.timeline.nodes)
        return {"step_details": {str(node): self._node(node == nodes, steps, found) for node in np.unique(nodes)}}

    def _node(self, is_here: Any, steps: Steps, found: LongSteps) -> dict[str, Any]:
        here, outliers = steps.only(is_here[steps.process]), found.steps.only(is_here[found.steps.process])
        if not len(here):
            return {}
        return {
            "step_stats": {"mean": float(here.seconds.mean()), **quantiles(here.seconds)},
            "number_of_outliers": len(outliers),
            "phase": found.blamed,
            "stddev": self.stddev,
            "step_numbers": outliers.number[:1000].tolist(),
            **histogram(here.seconds),
        }


def _count(found: LongSteps) -> str:
    return f"{len(found.steps)}{f' (every {found.period}th)' if found.period else ''}"


def _worst(found: LongSteps, mode: str) -> list[Issue]:
    """The longest ones, in order of time."""
    rows = np.sort(np.argsort(-found.steps.seconds)[:SHOWN])
    rows = rows[np.argsort(found.steps.start[rows])]
    issues = []
    for row in rows:
        number, start = int(found.steps.number[row]), float(found.steps.start[row])
        message = f"Step {number} took {duration(float(found.steps.seconds[row]))}, mostly more of {found.blame[row]}"
        if found.saving[row]:
            message += ", while a checkpoint was being written"
        issues.append(Issue(message=f"{message}.", mode=mode, mode_step=number, time=start))
    return issues


def _advice(found: LongSteps, profile: Profile, job: JobFacts) -> str:
    waiting, checkpoints = profile.waiting, profile.checkpoints
    if found.saving.mean() > 0.5 and checkpoints.count:
        return checkpoint_advice(checkpoints, job)
    if found.blamed == LOADING and waiting is not None:
        return loading_advice(waiting, job, profile.busy)
    if found.period:
        return f"Look for what happens every {found.period} steps, such as saving tensors: raise its save_interval."
    return (
        f"Compare the times of these steps with the system metrics: something else held up {found.blamed}, such as "
        "other processes on the same cores."
    )
