"""Every profiler rule by its name, and all their verdicts on a profile."""

import traceback
from collections.abc import Collection, Mapping

from container.debugger.profiler.data import ProfilerData
from container.debugger.profiler_rules.base import ProfilerRule
from container.debugger.profiler_rules.batch_size import BatchSize
from container.debugger.profiler_rules.cpu_bottleneck import CPUBottleneck
from container.debugger.profiler_rules.dataloader import Dataloader
from container.debugger.profiler_rules.gpu_memory_increase import GPUMemoryIncrease
from container.debugger.profiler_rules.io_bottleneck import IOBottleneck
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.load_balancing import LoadBalancing
from container.debugger.profiler_rules.low_gpu_utilization import LowGPUUtilization
from container.debugger.profiler_rules.max_initialization_time import MaxInitializationTime
from container.debugger.profiler_rules.overall_framework_metrics import OverallFrameworkMetrics
from container.debugger.profiler_rules.overall_system_usage import OverallSystemUsage
from container.debugger.profiler_rules.step_outlier import StepOutlier
from container.debugger.verdict import ERROR, PROFILER, Verdict
from container.errors import UserError

# What is worth mending first comes first: a job that waits for data gains nothing from a larger batch.
PROFILER_RULES: dict[str, type[ProfilerRule]] = {
    rule.name: rule
    for rule in (
        Dataloader,
        IOBottleneck,
        CPUBottleneck,
        StepOutlier,
        BatchSize,
        LowGPUUtilization,
        GPUMemoryIncrease,
        LoadBalancing,
        MaxInitializationTime,
        OverallSystemUsage,
        OverallFrameworkMetrics,
    )
}


def judge_all(
    data: ProfilerData,
    job: JobFacts,
    parameters: Mapping[str, Mapping[str, str]] | None = None,
    only: Collection[str] = tuple(PROFILER_RULES),
) -> list[Verdict]:
    """The verdicts of the rules named in `only`, in the catalogue's order. A rule that fails says so in its own.

    `parameters` holds those of each rule, as text.
    """
    profile, given = Profile(data), parameters or {}
    return [
        _judge(rule, profile, job, given.get(name, {})) for name, rule in PROFILER_RULES.items() if name in set(only)
    ]


def _judge(rule: type[ProfilerRule], profile: Profile, job: JobFacts, parameters: Mapping[str, str]) -> Verdict:
    try:
        return rule.from_text(parameters).look(profile, job)
    except UserError as error:
        message = str(error)
    except Exception as error:  # one rule's defect must not cost the other verdicts
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"The rule failed with {type(error).__name__}: {error} ({where.name}, line {where.lineno})."
    return Verdict(rule=rule.name, kind=PROFILER, status=ERROR, message=message, parameters=dict(parameters))
