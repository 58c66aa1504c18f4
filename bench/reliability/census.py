"""What a server holds: descriptors, threads, memory and workers, of all its processes together."""

import time
from contextlib import suppress
from dataclasses import dataclass

import psutil

from bench.servers import tree_memory_mib

SETTLE_SECONDS = 15


@dataclass(frozen=True)
class Census:
    num_descriptors: int
    num_threads: int
    memory_mib: float  # each shared page once


def take_census(pid: int) -> Census:
    """Of a process and its descendants, now. Raises psutil.NoSuchProcess if it has ended."""
    root = psutil.Process(pid)
    descriptors, threads = 0, 0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # it ends just now
            descriptors += process.num_fds()
            threads += process.num_threads()
    return Census(descriptors, threads, tree_memory_mib(pid))


def settled_census(pid: int, before: Census) -> Census:
    """The census once there are no more descriptors than before, or after SETTLE_SECONDS."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (census := take_census(pid)).num_descriptors > before.num_descriptors and time.monotonic() < deadline:
        time.sleep(0.25)
    return census


def worker_pids(pid: int) -> set[int]:
    """The server's own children that run; empty if it has ended."""
    try:
        children = psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return set()
    return {child.pid for child in children if _is_running(child)}


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
