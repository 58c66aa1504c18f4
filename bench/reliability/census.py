"""What a server holds: descriptors, threads, memory and workers, of all its processes together."""

import time
from contextlib import suppress
from dataclasses import dataclass

import psutil

from bench.process_tree import tree_memory_mib

SETTLE_SECONDS = 6.0  # three times as long as the server waits for those who do not close
LOOK_SECONDS = 0.25


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


def settled_census(pid: int, num_descriptors: int = 0) -> Census:
    """The census once there are no more descriptors than that, or else the one with the fewest in SETTLE_SECONDS.

    A server keeps a connection for a while when its caller has gone.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    fewest = take_census(pid)
    while fewest.num_descriptors > num_descriptors and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        fewest = min(fewest, take_census(pid), key=lambda census: census.num_descriptors)
    return fewest


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
