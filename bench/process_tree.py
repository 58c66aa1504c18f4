"""Memory and processor time of a process and all that it has started."""

from contextlib import suppress

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
