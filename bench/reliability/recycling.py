"""A worker that holds too much memory is replaced: how often, and whether any request is lost by it.

The bound is set just above what a fresh worker holds, and photos of 50 times the usual size push it over again and
again.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from bench.photos import photo
from bench.record import Record
from bench.reliability.callers import Request, calling, failed, percentile_ms
from bench.reliability.census import worker_pids
from bench.reliability.goals import at_least, at_most, without_goal
from bench.reliability.ground import Ground
from bench.servers import RunningServer, running

NAME = "recycling by memory"
BOUND = "SERVE_MAX_WORKER_MIB"
HEADROOM_MIB = 16  # of the bound over a fresh worker's memory
LARGE_SIZE = (4000, 3000)
CALLERS = 4
LOOK_SECONDS = 0.1
LEAST_REPLACED = 1


def measure(ground: Ground) -> list[Record]:
    with running(ground.side(NAME), ground.photo) as server:
        bound = round(largest_worker_mib(server.pid) + HEADROOM_MIB)
    with running(ground.side(NAME, **{BOUND: str(bound)}), ground.photo) as server:
        return [without_goal(NAME, "bound", "MiB", bound), *recycling(server, ground)]


def recycling(server: RunningServer, ground: Ground) -> list[Record]:
    """The figures of a running server whose bound a few large photos exceed."""
    requests = [Request(body=ground.photo), Request(body=photo(3, LARGE_SIZE))]
    with watched_workers(server.pid) as seen, calling(server.url, requests, CALLERS) as callers:
        first = worker_pids(server.pid)
        time.sleep(2 * ground.plan.seconds)
    return [
        without_goal(NAME, "requests", "requests", len(callers.outcomes)),
        at_least(NAME, "workers replaced", "", len(seen - first), LEAST_REPLACED),
        at_most(NAME, "requests that failed", "requests", len(failed(callers.outcomes)), 0),
        without_goal(NAME, "longest request", "ms", percentile_ms(callers.outcomes, 100)),
    ]


def largest_worker_mib(pid: int) -> float:
    """Resident memory of the largest worker."""
    sizes = [int(psutil.Process(worker).memory_info().rss) for worker in worker_pids(pid)]
    return max(sizes) / 2**20


@contextmanager
def watched_workers(pid: int) -> Iterator[set[int]]:
    """Every worker that is seen until this context ends."""
    seen: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            seen.update(worker_pids(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
