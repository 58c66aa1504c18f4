"""Whether larger batches would make training faster, and how large: one answer for all rules."""

from dataclasses import dataclass

import numpy as np

from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.profiler_rules.phrases import Floats
from container.debugger.profiler_rules.samples import MEMORY
from container.debugger.profiler_rules.steps import Steps

MIN_STEPS = 10
ON_CPU_FIXED_SHARE = 0.3  # of a step, from which a larger batch is worth trying without a GPU
WANTED_FIXED_SHARE = 0.15  # of a step: below this a larger batch gains little
MOST_GROWTH = 8.0
MEMORY_LIMIT = 90.0  # percent
FULL = 70.0  # percent, from which rule BatchSize calls cores, a GPU or its memory full by default


@dataclass(frozen=True)
class FixedCost:
    """What a step costs whatever the batch is: the optimizer and what no phase covers. Seconds are medians."""

    seconds: float
    share: float  # of the step without its wait for data
    step_seconds: float


def fixed_cost(steps: Steps) -> FixedCost | None:
    """None without the phases, or of fewer than MIN_STEPS steps after warm-up."""
    warm = steps.only(steps.is_warm)
    if len(warm) < MIN_STEPS or not {"Forward", "Backward", "Optimizer"} <= warm.phases.keys():
        return None
    seconds: Floats = warm.phases["Optimizer"] + warm.other
    busy = warm.seconds - warm.phases.get("DataLoading", np.zeros(len(warm)))
    fixed, whole = float(np.median(seconds)), float(np.median(busy))
    return FixedCost(fixed, min(1.0, fixed / whole) if whole > 0 else 0.0, float(np.median(warm.seconds)))


def memory_used(profile: Profile) -> float | None:
    """The 95th percentile of the fullest node's memory, in percent; None if it was never sampled."""
    nodes = profile.machine.samples(MEMORY) or profile.whole_machine.samples(MEMORY)
    return max((float(np.quantile(samples.mean, 0.95)) for samples in nodes.values()), default=None)


def cpu_batch_advice(job: JobFacts, fixed: FixedCost, memory: float) -> str:
    """The batch at which fixed costs take WANTED_FIXED_SHARE of a step, one sentence."""
    variable = max(0.01, 1 - fixed.share)
    wanted = fixed.share / variable * (1 - WANTED_FIXED_SHARE) / WANTED_FIXED_SHARE
    return _advice(job, _growth(wanted, memory))


def gpu_batch_advice(job: JobFacts, use: float, memory: float) -> str:
    """A batch that fills a GPU of which `use` percent are used, one sentence."""
    return _advice(job, _growth(100 / max(use, 1.0), memory))


def _growth(wanted: float, memory: float) -> float:
    """By how much to multiply the batch: 1.5, 2, 4 or 8. `memory` is the percent in use, weights and all.

    Weights do not grow with the batch, so that memory grows as fast as the batch is the worst case.
    """
    factor = min(MOST_GROWTH, max(2.0, wanted), MEMORY_LIMIT / max(1.0, memory))
    return float(2 ** np.floor(np.log2(factor))) if factor >= 2 else 1.5


def _advice(job: JobFacts, factor: float) -> str:
    # Slices of a batch come first, as they are what the device really sees.
    slices = job.number("accumulation_steps") or 1
    if slices > 1:
        return f"Lower accumulation_steps from {slices:g} to {max(1, int(slices / factor))}: the slices are too small."
    if not job.batch_size:
        return f"Multiply batch_size by {factor:g}."
    return f"Raise batch_size from {job.batch_size} to {round(job.batch_size * factor)}."
