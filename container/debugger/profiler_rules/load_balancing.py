from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from container.debugger.profiler_rules.base import ProfilerRule
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.phrases import Floats
from container.debugger.profiler_rules.samples import GPU, Samples
from container.debugger.verdict import Issue, Verdict

BINS = np.linspace(0, 100, 51)
LEAST_DIFFERENCE = 10.0  # percent, of the means: 97 and 99 % share no bin of 2 %, and are balanced all the same
ADVICE = (
    "Choose a batch_size that the number of GPUs divides, so that each gets as many images, and see whether one of "
    "them also runs something else."
)


@dataclass(frozen=True, kw_only=True)
class LoadBalancing(ProfilerRule):
    name: ClassVar[str] = "LoadBalancing"
    summary: ClassVar[str] = "Whether the GPUs of a host work equally hard."

    threshold: float = 0.5  # root of the Jensen-Shannon divergence, from 0 to 0.83
    patience: int = 20

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        nodes = {node: samples for node, samples in profile.machine.samples(GPU).items() if len(samples.devices) > 1}
        if not nodes:
            return self.not_evaluated("the rule compares GPUs and needs two GPUs on a host")
        count = sum(len(samples) for samples in nodes.values())
        if min(len(samples) for samples in nodes.values()) < self.patience:
            return self.not_evaluated(f"{count} samples; it takes {self.patience} of each, so train longer", count)
        details: dict[str, Any] = {}
        issues: list[Issue] = []
        for node, samples in nodes.items():
            shares = {device: _histogram(samples.of(device)) for device in samples.devices}
            distances = {pair: js_distance(*(shares[gpu] for gpu in pair)) for pair in combinations(samples.devices, 2)}
            issues += self._issues(node, samples, distances)
            details[node] = {
                "workloads": {device: share.tolist() for device, share in shares.items()},
                "distances": {" ".join(pair): distance for pair, distance in distances.items()},
            }
        if not issues:
            return self.fine(f"The GPUs are balanced: {_busy(nodes)}.", count, details)
        return self.found(issues, ADVICE, datapoints=count, violations=len(issues), details=details)

    def _issues(self, node: str, samples: Samples, distances: dict[tuple[str, str], float]) -> list[Issue]:
        """One for every pair of GPUs that differ."""
        issues = []
        for (first, second), distance in distances.items():
            means = float(samples.of(first).mean()), float(samples.of(second).mean())
            if distance > self.threshold and abs(means[0] - means[1]) > LEAST_DIFFERENCE:
                message = f"{first} of {node} is {means[0]:.0f} % busy on average, and {second} {means[1]:.0f} %."
                issues.append(Issue(message=message, time=float(samples.time[-1])))
        return issues


def _busy(nodes: dict[str, Samples]) -> str:
    means = [float(samples.of(device).mean()) for samples in nodes.values() for device in samples.devices]
    return f"{min(means):.0f} % to {max(means):.0f} % busy on average"


def js_distance(first: Floats, second: Floats) -> float:
    """Root of the Jensen-Shannon divergence of two distributions (n,), with natural logarithms."""
    middle = (first + second) / 2
    return float(np.sqrt(max(0.0, (_divergence(first, middle) + _divergence(second, middle)) / 2)))


def _divergence(first: Floats, second: Floats) -> float:
    known = first > 0
    return float((first[known] * np.log(first[known] / second[known])).sum())


def _histogram(values: Floats) -> Floats:
    counts, _ = np.histogram(values, BINS)
    return np.asarray(counts / max(1, counts.sum()), np.float64)
