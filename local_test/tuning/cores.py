"""This machine's cores, shared out among trials that run side by side."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from container.cores import available_cores

MOST = 4  # the sampler learns from trials that have ended, and each takes about a gigabyte of memory
GPU = Path("/dev/nvidia0")
Cores = tuple[int, ...]


def default_parallel() -> int:
    """One trial per core, up to MOST; one where there is a GPU, as trials would share its memory."""
    return 1 if GPU.exists() else min(available_cores(), MOST)


def share_cores(parallel: int) -> list[Cores]:
    """The numbers of the cores of each of `parallel` trials, which share some if there are fewer cores than trials."""
    numbers = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(available_cores()))
    each = max(1, available_cores() // parallel)
    return [tuple(numbers[(trial * each + core) % len(numbers)] for core in range(each)) for trial in range(parallel)]


@contextlib.contextmanager
def pinned(cores: Cores) -> Iterator[None]:
    """Processes started within it run on these cores only, and so count no others; on macOS it does nothing."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
