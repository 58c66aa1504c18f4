"""How long training waits for data, why, and what would help: one answer for all rules, so that none contradicts."""

import math
from dataclasses import dataclass

import numpy as np

from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.phrases import percent
from container.debugger.profiler_rules.steps import Steps

LOADING = "DataLoading"
DOMINANT = 0.2  # share of a step from which waiting for data explains everything else
LEAST_SECONDS = 0.001  # per step: taking a batch over from another process costs about as much
MIN_STEPS = 5
BUSY = 85.0  # percent, the mean of all cores, above which another process would only take turns
FEW_PERCENT, MANY_PERCENT = 70.0, 200.0  # loader processes of cores: fewer are too few, more too many


@dataclass(frozen=True)
class Waiting:
    """Seconds are means per step, without warm-up and without the first step of every epoch."""

    steps: int
    share: float  # of the time of steps, from 0 to 1
    seconds: float
    rest: float  # of a step that is not waiting
    epoch_starts: int
    epoch_start_share: float  # of the time of all steps: waiting in the first steps of epochs, where loaders start

    def dominates(self, share: float = DOMINANT) -> bool:
        """Whether waiting takes more than this share of a step, and long enough that something can be done about it."""
        return self.share > share and self.seconds > LEAST_SECONDS


def waiting_for_data(steps: Steps) -> Waiting | None:
    """None where the timeline does not say, or of fewer than MIN_STEPS steps."""
    warm = steps.only(steps.is_warm)
    steady, first = warm.only(~warm.begins_epoch), warm.only(warm.begins_epoch)
    if LOADING not in steps.phases or len(steady) < MIN_STEPS:
        return None
    seconds, whole = float(np.mean(steady.phases[LOADING])), float(np.mean(steady.seconds))
    return Waiting(
        steps=len(steady),
        share=min(1.0, seconds / whole) if whole else 0.0,
        seconds=seconds,
        rest=max(0.0, whole - seconds),
        epoch_starts=len(first),
        epoch_start_share=float(first.phases[LOADING].sum() / max(1e-9, warm.seconds.sum())),
    )


def loading_message(waiting: Waiting) -> str:
    return f"Data loading takes {percent(waiting.share)} of a training step"


def loading_advice(
    waiting: Waiting, job: JobFacts, busy: float | None, few: float = FEW_PERCENT, many: float = MANY_PERCENT
) -> str:
    """What makes batches come faster, one sentence. `busy` is the mean of all cores in percent, None if unknown."""
    cores = job.cores_per_process
    if job.workers > cores * many / 100:
        return f"Lower workers from {job.workers} to {cores}: there are {_cores(cores)}."
    has_room = busy is not None and busy < BUSY
    # Processes that wait for storage need no core, so with idle cores there may be more of them than cores.
    limit = int(cores * many / 100) if has_room else cores
    if job.workers < limit and (has_room or busy is None or job.workers < cores * few / 100):
        return _raise_workers(job, min(limit, max(job.workers + 1, _needed(waiting, job.workers))), cores)
    if has_room:
        return (
            f"The {job.workers} loader processes wait for storage while the cores are {busy:.0f} % busy: use input "
            "mode File instead of FastFile, or a faster volume."
        )
    return cheaper_decoding(job)


def _needed(waiting: Waiting, workers: int) -> int:
    """Loader processes that make a batch in the time that the rest of a step takes."""
    work = waiting.seconds if workers == 0 else workers * (waiting.seconds + waiting.rest)
    return math.ceil(min(1e6, work / max(waiting.rest, 1e-9)))


def _raise_workers(job: JobFacts, wanted: int, cores: int) -> str:
    asked = job.number("workers")
    if asked is not None and asked > job.workers:  # shared memory has room for fewer, so asking for more is no use
        return (
            f"Give the container more shared memory (docker run --shm-size): {asked:g} loader processes were asked "
            f"for, and it has room for {job.workers}."
        )
    return f"Raise workers from {job.workers} to {wanted} ({_cores(cores)})."


def cheaper_decoding(job: JobFacts) -> str:
    """For cores that are all busy, one sentence."""
    cores, ways = job.cores_per_process, []
    if job.image_size:
        ways.append(f"store the images at about {round(1.25 * job.image_size)} pixels instead of larger")
    if job.hyperparameters.get("augment") == "strong":
        ways.append("set augment from strong to basic")
    ways.append(f"use a machine with more than {_cores(cores)}")
    text = ", or ".join(ways)
    return f"{text[0].upper()}{text[1:]}: decoding keeps all of them busy."


def _cores(count: int) -> str:
    return f"{count} core{'s' if count != 1 else ''}"
