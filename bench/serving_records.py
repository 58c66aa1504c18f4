"""Rounds of this project and of a peer, and the floor of the machine, as records."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.processes import run_module
from bench.record import Record, compare
from bench.serving_round import CONCURRENCIES, RATES, SMALL, Round
from container.cores import available_cores
from container.serving.settings import ServeSettings

Read = Callable[[Round], float]
Row = tuple[str, str, Literal["higher", "lower"], Read]  # name, unit, which values are better, how to read it


def compare_rounds(side: str, ours: Sequence[Round], peer: str, theirs: Sequence[Round]) -> list[Record]:
    """A record of each quantity; the rounds of both sides took turns."""
    records = [
        compare(name, unit, better, [read(done) for done in ours], peer, [read(done) for done in theirs], side=side)
        for name, unit, better, read in rows()
    ]
    # A status is no quantity: 500 is not 1.25 times as bad as 400.
    return [replace(record, ratio=None) if record.unit == "HTTP status" else record for record in records]


def rows() -> Iterator[Row]:
    """Every quantity that is compared."""
    for photo, concurrencies in CONCURRENCIES.items():
        for number in concurrencies:
            yield from _closed_rows(photo, number)
    for rate in RATES:
        yield from _open_rows(rate)
    yield "processor time per request", "ms", "lower", lambda done: done.cpu_ms_per_request
    yield "start to ready", "s", "lower", lambda done: done.ready_seconds
    yield "start to first prediction", "s", "lower", lambda done: done.first_answer_seconds
    yield "peak memory under load", "MiB", "lower", lambda done: done.peak_memory_mib
    yield "failed requests", "requests", "lower", lambda done: done.num_errors
    yield "answer to a broken image", "HTTP status", "lower", lambda done: done.broken_image_status


def _closed_rows(photo: str, number: int) -> Iterator[Row]:
    at = f"at concurrency {number}" if photo == SMALL else f"at concurrency {number}, {photo}"
    key = (photo, number)
    yield f"requests {at}", "requests/s", "higher", lambda done: done.closed[key].requests_per_second
    yield f"latency p50 {at}", "ms", "lower", lambda done: done.closed[key].p50_ms
    yield f"latency p95 {at}", "ms", "lower", lambda done: done.closed[key].p95_ms
    yield f"latency p99 {at}", "ms", "lower", lambda done: done.closed[key].p99_ms


def _open_rows(rate: int) -> Iterator[Row]:
    at = f"at {rate} arrivals/s"  # a side that answers fewer per second does not keep up
    yield f"requests {at}", "requests/s", "higher", lambda done: done.open[rate].requests_per_second
    yield f"latency p50 {at}", "ms", "lower", lambda done: done.open[rate].p50_ms
    yield f"latency p95 {at}", "ms", "lower", lambda done: done.open[rate].p95_ms
    yield f"latency p99 {at}", "ms", "lower", lambda done: done.open[rate].p99_ms


def compare_with_floor(ours: dict[str, tuple[str, Sequence[Round]]]) -> list[Record]:
    """How near one request comes to the arithmetic alone, and all cores together to theirs.

    `ours`: for each of our sides the precision that it calculates in, and its rounds.
    """
    cores = available_cores()
    lone = ServeSettings.from_environment(os.environ, cores).lone_threads
    measured = json.loads(run_module("bench.floor", str(lone), str(cores)))
    records = []
    for side, (precision, rounds) in ours.items():
        peaks = measured["peak_per_second"][precision]
        floors = [Floor(precision, number, measured["operations"], peaks[str(number)]) for number in (lone, cores)]
        records += _floor_records(side, rounds, *floors)
    return records


@dataclass(frozen=True)
class Floor:
    """What so many threads could do at best."""

    precision: str
    threads: int
    operations: float  # per image
    peak: float  # operations per second

    @property
    def name(self) -> str:
        per_image = f"{self.operations / 1e9:.2f} G operations per image at {self.peak / 1e9:.0f} G/s"
        return f"floor: {per_image} in {self.precision}, {self.threads} thread(s)"


def _floor_records(side: str, rounds: Sequence[Round], lone: Floor, all_cores: Floor) -> list[Record]:
    latencies = [done.closed[SMALL, 1].p50_ms for done in rounds]
    speeds = [done.closed[SMALL, 16].requests_per_second for done in rounds]
    name, unit = "latency p50 at concurrency 1, to the floor", "ms"
    lowest_ms = lone.operations / lone.peak * 1000
    latency = compare(name, unit, "lower", latencies, lone.name, [lowest_ms], side=side)
    name, unit = "requests at concurrency 16, to the floor", "requests/s"
    highest = all_cores.peak / all_cores.operations
    return [latency, compare(name, unit, "higher", speeds, all_cores.name, [highest], side=side)]
