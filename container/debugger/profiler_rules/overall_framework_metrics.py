from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from container.debugger.profiler_rules.base import NO_TIMELINE, ProfilerRule
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.phrases import percent
from container.debugger.profiler_rules.steps import EVAL, TRAIN, Timeline
from container.debugger.verdict import Verdict

TOP_OPERATORS = 20
GENERAL = ("Initialization", "DataLoading", "Optimizer", "Checkpoint")


@dataclass(frozen=True, kw_only=True)
class OverallFrameworkMetrics(ProfilerRule):
    name: ClassVar[str] = "OverallFrameworkMetrics"
    summary: ClassVar[str] = "What the job spent its time on; it never finds an issue."

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        timeline = profile.timeline
        if profile.loop is None:
            return self.not_evaluated(NO_TIMELINE)
        seconds = _seconds(timeline)
        passes = {name: timeline.total(name) for name in ("Forward", "Backward")}
        details = {
            "phase": _shares(seconds),
            "phase_time": seconds,
            "ratio": _ratios(seconds, passes),
            "forward_backward": _shares(passes),
            "general": _shares({name: timeline.total(name) for name in GENERAL}),
            **_operators(profile.data.operators),
            "horovod": {},
        }
        whole = sum(seconds.values()) or 1.0
        message = f"{percent(seconds['TRAIN'] / whole)} of the job's time were training steps"
        return self.fine(f"{message}, {percent(seconds['EVAL'] / whole)} evaluation.", len(timeline.start), details)


def _seconds(timeline: Timeline) -> dict[str, float]:
    """Of the job, each process on average; others is everything outside steps."""
    processes = max(1, timeline.num_processes)
    seconds = {"TRAIN": timeline.total(TRAIN) / processes, "EVAL": timeline.total(EVAL) / processes}
    whole = float((timeline.start + timeline.seconds).max() - timeline.start.min())
    return {**seconds, "others": max(0.0, whole - sum(seconds.values()))}


def _shares(seconds: dict[str, float]) -> dict[str, float]:
    """Percent of their sum."""
    total = sum(seconds.values())
    return {name: 100 * value / total if total else 0.0 for name, value in seconds.items()}


def _ratios(seconds: dict[str, float], passes: dict[str, float]) -> dict[str, float]:
    """Left out where there is nothing to divide by."""
    pairs = {
        "forward/backward": (passes["Forward"], passes["Backward"]),
        "EVAL/TRAIN": (seconds["EVAL"], seconds["TRAIN"]),
    }
    return {name: part / whole for name, (part, whole) in pairs.items() if whole}


def _operators(windows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The operators with the most time of their own, over all profiled steps: percent, and microseconds as `_total`."""
    totals: dict[str, defaultdict[str, float]] = {"CPU": defaultdict(float), "GPU": defaultdict(float)}
    for window in windows:
        for operator in window.get("operators", ()):
            device = "GPU" if operator.get("device") == "cuda" else "CPU"
            totals[device][str(operator["name"])] += float(operator["self_us"])
    found: dict[str, dict[str, float]] = {}
    for device, times in totals.items():
        top = sorted(times.items(), key=lambda item: -item[1])[:TOP_OPERATORS]
        whole = sum(times.values()) or 1.0
        found[device] = {name: 100 * value / whole for name, value in top}
        found[f"{device}_total"] = dict(top)
    return found
