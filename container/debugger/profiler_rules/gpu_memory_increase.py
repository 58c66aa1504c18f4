from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from container.debugger.profiler_rules.base import NO_SAMPLES, ProfilerRule
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.phrases import Floats, box, duration
from container.debugger.profiler_rules.samples import GPU_MEMORY, MEMORY
from container.debugger.verdict import Issue, Verdict

BLOCKS = 10  # of the time; the first one is warm-up, the second the baseline
STEADY = 0.75  # of the blocks rise: a leak, and not one larger allocation
RISE = 0.05  # points between blocks that are more than rounding
LEAK_ADVICE = (
    "Look for tensors that are kept between steps, such as a list of losses without .item(), and lower workers if the "
    "machine's own memory grows."
)
JUMP_ADVICE = "Lower batch_size if memory runs short: something larger is kept from then on, such as a larger batch."


@dataclass(frozen=True)
class Growth:
    name: str  # of the device and its node
    samples: Floats
    points: float  # percent of the memory, from the baseline to the end
    is_steady: bool
    seconds: float  # between baseline and end
    ended: float
    last: float  # percent in use at the end

    @property
    def message(self) -> str:
        if not self.is_steady:
            return f"{self.name} rose by {self.points:.1f} points to {self.last:.0f} %, and not steadily."
        left = self.seconds * max(0.0, 100 - self.last) / self.points
        per_hour = 3600 * self.points / self.seconds
        rate = f"{self.points:.1f} points in {duration(self.seconds)}, {per_hour:.3g} per hour"
        return f"{self.name} grows steadily, by {rate}: it is full in {duration(left)}."


@dataclass(frozen=True, kw_only=True)
class GPUMemoryIncrease(ProfilerRule):
    name: ClassVar[str] = "GPUMemoryIncrease"
    summary: ClassVar[str] = "Whether the memory of a GPU, or of a machine without one, grows during training."

    increase: float = 5.0  # percent of the memory, against the beginning of training
    patience: int = 50
    window: int = 10  # samples in a block, at least: fewer say nothing about a trend

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        metric = GPU_MEMORY if profile.machine.samples(GPU_MEMORY) else MEMORY
        nodes = profile.machine.samples(metric)
        count = sum(len(samples) for samples in nodes.values())
        needed = max(self.patience, 2 * self.window)
        if not count:
            return self.not_evaluated(NO_SAMPLES)
        if min(len(samples) for samples in nodes.values()) < needed:
            return self.not_evaluated(f"{count} samples; it takes {needed} of each, so train longer", count)
        what = "memory" if metric == MEMORY else ""
        found = {
            (node, device): _growth(f"{what or device} of {node}", samples.time, samples.values[:, column])
            for node, samples in nodes.items()
            for column, device in enumerate(samples.devices)
        }
        return self._verdict_on({key: growth for key, growth in found.items() if growth is not None}, count)

    def _verdict_on(self, found: dict[tuple[str, str], Growth], count: int) -> Verdict:
        details: dict[str, Any] = {}
        for (node, device), growth in found.items():
            details.setdefault(node, {})[device] = {"increase": growth.points, **box(growth.samples)}
        grown = [growth for growth in found.values() if growth.points > self.increase]
        if not grown:
            most = max((growth.points for growth in found.values()), default=0.0)
            return self.fine(f"Memory changed by {most:+.1f} points at most since training began.", count, details)
        issues = [Issue(message=growth.message, time=growth.ended) for growth in grown]
        advice = LEAK_ADVICE if any(growth.is_steady for growth in grown) else JUMP_ADVICE
        return self.found(issues, advice, datapoints=count, violations=len(grown), details=details)


def _growth(name: str, time: Floats, values: Floats) -> Growth | None:
    """How one device's memory went, against the second tenth of the time; None for one that was hardly sampled."""
    known = ~np.isnan(values)
    time, values = time[known], values[known]
    if len(values) < BLOCKS:
        return None
    levels = np.array([np.median(block) for block in np.array_split(values, BLOCKS)])[1:]
    middles = np.array([np.median(block) for block in np.array_split(time, BLOCKS)])[1:]
    return Growth(
        name=name,
        samples=values,
        points=float(levels[-1] - levels[0]),
        is_steady=bool(np.mean(np.diff(levels) > RISE) >= STEADY),
        seconds=max(1e-3, float(middles[-1] - middles[0])),
        ended=float(time[-1]),
        last=float(levels[-1]),
    )
