"""As many requests as go in a few minutes, of every kind: does memory, or the number of descriptors or threads, grow?

h2load keeps the server busy with photos over connections that stay open; a few callers beside it send everything else,
over a new connection each time.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from statistics import median

import psutil

from bench.load import Body, run_h2load
from bench.record import Record
from bench.reliability.callers import calling, failed
from bench.reliability.census import Census, take_census, worker_pids
from bench.reliability.goals import at_most, without_goal
from bench.reliability.ground import Ground
from bench.reliability.inputs import mixed_requests
from bench.reliability.overload import read_flood
from bench.reliability.server_log import LogMark
from bench.servers import RunningServer, running

NAME = "soak"
CONNECTIONS = 16  # of h2load
MIXED_CALLERS = 4
SAMPLE_SECONDS = 0.5
WARM_UP_SHARE = 0.5  # of the time, which does not count: the allocators' buffers fill for three minutes
ENDS_SHARE = 1 / 3  # of the samples after that, at either end, whose medians are compared
MEMORY_MIB = 20
NUM_MORE = 2  # descriptors or threads: callers come and go


def measure(ground: Ground) -> list[Record]:
    side = ground.side(NAME)
    with running(side, ground.photo) as server:
        return soak(server, ground, LogMark.at_end(side.log_path))


def soak(server: RunningServer, ground: Ground, mark: LogMark) -> list[Record]:
    """The figures of a running server, whose log is read from the mark on."""
    seconds, workers = ground.plan.soak_seconds, worker_pids(server.pid)
    body = Body(ground.work_dir / "photo.jpg", "image/jpeg")
    body.path.write_bytes(ground.photo)
    with sampling(server.pid) as samples, calling(server.url, mixed_requests(), MIXED_CALLERS) as callers:
        log = run_h2load(server.url, body, ["-c", str(CONNECTIONS), "-D", str(round(seconds))])
    flood = read_flood(log, len(log.splitlines()), 0)
    num_requests = flood.num_sent + len(callers.outcomes)
    return [
        without_goal(NAME, "requests", "requests", num_requests),
        without_goal(NAME, "of them mixed, half of these bad", "requests", len(callers.outcomes)),
        at_most(NAME, "photos not answered with 200", "requests", flood.num_sent - flood.count(200), 0),
        at_most(NAME, "mixed requests not answered as they deserve", "requests", len(failed(callers.outcomes)), 0),
        *growth_records(samples, num_requests),
        at_most(NAME, "workers lost", "", len(workers - worker_pids(server.pid)), 0),
        at_most(NAME, "errors and answers of 500 in the log", "lines", len(mark.failures()), 0),
    ]


@contextmanager
def sampling(pid: int) -> Iterator[list[Census]]:
    """A census of the server every SAMPLE_SECONDS."""
    samples: list[Census] = []
    done = threading.Event()

    def sample() -> None:
        with suppress(psutil.NoSuchProcess):  # the server has ended, which the figures tell
            while not done.wait(SAMPLE_SECONDS):
                samples.append(take_census(pid))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def growth_records(samples: Sequence[Census], num_requests: int) -> list[Record]:
    """How much more the server held at the end than after the warm-up, and what that makes of a million requests."""
    counted = samples[round(len(samples) * WARM_UP_SHARE) :]
    size = max(1, round(len(counted) * ENDS_SHARE))
    first, last = counted[:size], counted[-size:]

    def growth(field: str) -> float:
        ends = [median(getattr(sample, field) for sample in part) for part in (last, first)] if counted else [0, 0]
        return float(ends[0] - ends[1])

    memory = growth("memory_mib")
    between = max(1.0, num_requests * (1 - WARM_UP_SHARE) * (1 - ENDS_SHARE))  # requests between the two ends' middles
    return [
        at_most(NAME, "memory growth after the warm-up", "MiB", memory, MEMORY_MIB),
        without_goal(NAME, "which would be, per million requests", "MiB", memory * 1e6 / between),
        at_most(NAME, "descriptors more than after the warm-up", "", growth("num_descriptors"), NUM_MORE),
        at_most(NAME, "threads more than after the warm-up", "", growth("num_threads"), NUM_MORE),
    ]
