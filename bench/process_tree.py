"""Memory and processor time of a process and all that it has started."""

from contextlib import suppress
from pathlib import Path

import psutil


def tree_memory_mib(pid: int) -> float:
    """MiB of a process and all its descendants, where a page that n processes share counts for 1/n in each (PSS).

    Processes outside the tree count among the n: nothing else on the machine should run the same torch meanwhile.
    """
    total = 0
    for process in process_tree(pid):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it ends just now
            total += process.memory_full_info().pss
    return total / 2**20


def tree_allocated_mib(pid: int) -> float:
    """MiB that a process and all its descendants have allocated, together: anonymous and shared memory.

    Without files that are mapped, as libraries are: what counts of those depends on whoever else has them mapped.
    """
    kibibytes = 0
    for process in process_tree(pid):
        with suppress(OSError):  # it ends just now
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
            fields = {line.split()[0]: int(line.split()[1]) for line in lines}
            kibibytes += fields["Pss_Anon:"] + fields["Pss_Shmem:"]
    return kibibytes / 2**10


def tree_cpu_seconds(pid: int) -> float:
    """Processor time that a process and its descendants have used so far; those that have ended do not count."""
    total = 0.0
    for process in process_tree(pid):
        with suppress(psutil.NoSuchProcess):
            spent = process.cpu_times()
            total += spent.user + spent.system
    return total


def process_tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]
