"""Ten times as many requests as the server can answer: who is answered, who is refused, and how /ping fares.

Arrivals do not wait for answers, as the world's do not. h2load, which sends them, has no cores of its own: what it and
the refusals cost is taken from the server, so the goodput is lower than it would be with callers on other machines.
"""

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.load import TIMEOUT_SECONDS, Body, closed_loop, run_h2load
from bench.process_tree import tree_memory_mib
from bench.record import Record
from bench.reliability.callers import Outcome, Request, calling
from bench.reliability.goals import at_least, at_most, without_goal
from bench.reliability.ground import Ground
from bench.reliability.pings import LIMIT_MS, Pings, pinging
from bench.servers import RunningServer, running

NAME = "overload"
SAMPLERS = 8  # callers of another kind, who look at the headers of refusals
CALLERS = 64  # of the closed loop that shows the capacity
PERIOD_MS = 20  # of arrivals
MOST_ARRIVALS = 16_000  # each has a port of its own for a while
SPARE_DESCRIPTORS = 200
LEAST_GOODPUT = 0.5  # of the capacity
ACCEPTED_P99_MS = 2000
MEMORY_MIB = 1024


@dataclass(frozen=True)
class Flood:
    """What became of the arrivals."""

    num_sent: int
    rate: float  # per second
    statuses: NDArray[np.int64]  # of those that were answered
    milliseconds: NDArray[np.float64]  # of the same
    seconds: float  # from the first arrival to the last answer

    def count(self, status: int) -> int:
        return int((self.statuses == status).sum())


def measure(ground: Ground) -> list[Record]:
    with running(ground.side(NAME), ground.photo) as server:
        return overload(server, ground)


def overload(server: RunningServer, ground: Ground) -> list[Record]:
    """The figures of a running server."""
    plan, body = ground.plan, Body(ground.work_dir / "photo.jpg", "image/jpeg")
    body.path.write_bytes(ground.photo)
    capacity = closed_loop(server.url, body, CALLERS, plan.seconds).requests_per_second
    sampled = [Request(body=ground.photo)]
    with pinging(server.url) as pings, calling(server.url, sampled, SAMPLERS, pause_seconds=0.05) as sampler:
        flood = send_flood(server.url, body, capacity * plan.overload, plan.seconds)
    memory_mib = max(server.peak_memory_mib, tree_memory_mib(server.pid))
    return [
        without_goal(NAME, "capacity at saturation", "requests/s", capacity),
        without_goal(NAME, "arrivals", "requests/s", flood.rate),
        *_answer_records(flood, sampler.outcomes, capacity),
        *ping_records(NAME, pings),
        at_most(NAME, "peak memory of all processes", "MiB", memory_mib, MEMORY_MIB),
    ]


def send_flood(url: str, body: Body, rate: float, seconds: float) -> Flood:
    """So many arrivals per second, each a caller of its own."""
    with _raised_descriptor_limit() as most:
        per_period = max(1, round(rate * PERIOD_MS / 1000))
        periods = max(1, round(min(seconds * 1000 / PERIOD_MS, most / per_period)))
        total = per_period * periods
        numbers = ["-n", str(total), "-c", str(total), "-r", str(per_period), f"--rate-period={PERIOD_MS}ms"]
        log = run_h2load(url, body, numbers)
    return read_flood(log, total, per_period * 1000 / PERIOD_MS)


def read_flood(log: str, num_sent: int, rate: float) -> Flood:
    """h2load's log: a line each of start in us, status and duration in us; none for a failed connection."""
    rows = np.array([[int(field) for field in line.split("\t")] for line in log.splitlines()]).reshape(-1, 3)
    starts, statuses, durations = rows.T
    seconds = float((starts + durations).max() - starts.min()) / 1e6 if len(rows) else TIMEOUT_SECONDS
    return Flood(num_sent, rate, statuses, durations / 1000, seconds)


def ping_records(scenario: str, pings: Pings) -> list[Record]:
    """What health checks saw meanwhile."""
    return [
        at_most(scenario, "longest GET /ping meanwhile", "ms", pings.longest_ms, LIMIT_MS),
        at_most(scenario, "GET /ping other than 200", "requests", pings.num_failed, 0),
    ]


def _answer_records(flood: Flood, sampled: Sequence[Outcome], capacity: float) -> list[Record]:
    answered, refused = flood.count(200), flood.count(429)
    refusals = [outcome for outcome in sampled if outcome.status == 429]
    with_hint = sum(outcome.retry_after is not None for outcome in refusals)
    accepted_ms = flood.milliseconds[flood.statuses == 200]
    p99 = float(np.percentile(accepted_ms, 99)) if answered else TIMEOUT_SECONDS * 1000.0
    goodput = answered / flood.seconds / capacity
    return [
        without_goal(NAME, "answered with 200", "%", 100 * answered / flood.num_sent),
        without_goal(NAME, "refused with 429", "%", 100 * refused / flood.num_sent),
        at_most(NAME, "any other status, or no answer", "requests", flood.num_sent - answered - refused, 0),
        # h2load keeps no headers. Samplers that saw no 429 have proved nothing.
        at_least(NAME, "429 with Retry-After, of those sampled", "%", 100 * with_hint / max(1, len(refusals)), 100),
        at_most(NAME, "p99 of the requests answered with 200", "ms", p99, ACCEPTED_P99_MS),
        at_least(NAME, "goodput, as a share of the capacity", "%", 100 * goodput, 100 * LEAST_GOODPUT),
    ]


@contextmanager
def _raised_descriptor_limit() -> Iterator[int]:
    """How many connections h2load may open within: its descriptors are this process's to give."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_ARRIVALS + SPARE_DESCRIPTORS
    raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, raised), hard))
    try:
        yield min(MOST_ARRIVALS, max(soft, raised) - SPARE_DESCRIPTORS)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
