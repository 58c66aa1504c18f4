from dataclasses import dataclass
from typing import Any, ClassVar

from container.debugger.profiler_rules.base import NO_SAMPLES, ProfilerRule
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.phrases import Floats, quantiles
from container.debugger.profiler_rules.samples import CPU, GPU, GPU_MEMORY, IO_WAIT, MEMORY, NETWORK, Machine, Samples
from container.debugger.verdict import Verdict

METRICS = {  # as the platform's table calls them
    "Network": NETWORK,
    "GPU": GPU,
    "CPU": CPU,
    "CPU memory": MEMORY,
    "GPU memory": GPU_MEMORY,
    "I/O": IO_WAIT,
}


@dataclass(frozen=True, kw_only=True)
class OverallSystemUsage(ProfilerRule):
    name: ClassVar[str] = "OverallSystemUsage"
    summary: ClassVar[str] = "How busy every node was; it never finds an issue."

    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        details = usage(profile.whole_machine)
        if not any(details.values()):
            return self.not_evaluated(NO_SAMPLES)
        busiest = max(details["CPU"].items(), key=lambda item: item[1]["p50"], default=None)
        message = f"Metrics of {len({node for table in details.values() for node in table})} nodes were sampled"
        if busiest is not None:
            node, numbers = busiest
            message = (
                f"The cores of {node} were {numbers['p50']:.0f} % busy at the median, and {numbers['p95']:.0f} % at p95"
            )
        return self.fine(f"{message}.", len(profile.data.system), details)


def usage(machine: Machine) -> dict[str, dict[str, Any]]:
    """Metric -> node -> max, p99, p95, p50 and min: percent, of the mean of all devices, and bytes per second."""
    return {
        name: {node: quantiles(_total(metric, samples)) for node, samples in machine.samples(metric).items()}
        for name, metric in METRICS.items()
    }


def _total(metric: str, samples: Samples) -> Floats:
    return samples.sum if metric == NETWORK else samples.mean
