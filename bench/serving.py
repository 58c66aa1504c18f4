"""Serving: requests/s, latency, start and memory of this project and of plain Flask + gunicorn, round by round.

Every side serves the same weights in fp32 and is sent the same JPEG. The peer comes in two forms: as tutorials leave
it, with torch's own number of threads in each worker, and with one thread per worker, which is better under load.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import BenchError
from bench.load import Load, measure, require_hey
from bench.part import Panels, Part
from bench.photos import photo
from bench.record import Record, compare
from bench.servers import PROJECT_DIR, Side, our_server, plain_server, running, tree_cpu_seconds
from container.cores import available_cores
from container.serving.settings import ServeSettings
from local_test.serve_local import free_port

CONCURRENCIES = (1, 4, 16)
PLAIN = "plain Flask + gunicorn -w 2"
ONE_THREAD = "plain Flask + gunicorn -w 2, OMP_NUM_THREADS=1"
COMMON_LABELS = 4  # of the top five: the two resize with different filters, so nearly equal classes may swap places
PROBABILITY_TOLERANCE = 0.02


@dataclass(frozen=True)
class Round:
    """One side, started, measured at every concurrency and stopped."""

    ready_seconds: float
    first_answer_seconds: float
    peak_memory_mib: float
    cpu_ms_per_request: float
    prediction: dict[str, float]
    loads: dict[int, Load]  # by concurrency


def serving_panels(records: Sequence[Record]) -> Panels:
    """The records that are drawn, by panel."""
    starts = {
        "Throughput": "requests at concurrency",
        "Median latency": "latency p50 at concurrency",
        "99th percentile of latency": "latency p99 at concurrency",
        "Processor time per request": "processor time per request",
        "Start to first prediction": "start to first prediction",
        "Peak memory of all processes": "peak memory under load",
    }
    compared = [record for record in records if not record.peer.startswith("floor")]
    return {
        heading: [record for record in compared if record.name.startswith(start)] for heading, start in starts.items()
    }


def bench_serving(work_dir: Path, rounds: int, seconds: float) -> list[Record]:
    """Records of `rounds` rounds with `seconds` of load per concurrency. Raises BenchError if any request fails."""
    image_path = work_dir / "photo.jpg"
    image_path.write_bytes(photo(0))
    base_dir, bare_path = work_dir / "ml", work_dir / "resnet18.pt"
    run_module("bench.models", str(base_dir), str(bare_path))
    port = free_port()
    sides = [
        our_server(base_dir, port, work_dir),
        plain_server(PLAIN, bare_path, port, work_dir),
        plain_server(ONE_THREAD, bare_path, port, work_dir, OMP_NUM_THREADS="1"),
    ]
    measured: dict[str, list[Round]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides:
            print(f"serving, round {number + 1} of {rounds}: {side.name}", flush=True)
            reference = measured[sides[0].name][0].prediction if measured[sides[0].name] else None
            measured[side.name].append(_measure_round(side, port, image_path, seconds, reference))
    ours = measured.pop(sides[0].name)
    records = [record for peer, theirs in measured.items() for record in _compare_rounds(ours, peer, theirs)]
    return records + _compare_with_floor(ours)


def check_agreement(ours: dict[str, float], theirs: dict[str, float], peer: str) -> None:
    """Raise BenchError unless both give the photo the same label and nearly the same probabilities."""
    common = ours.keys() & theirs.keys()
    difference = max((abs(ours[label] - theirs[label]) for label in common), default=1.0)
    if next(iter(ours)) != next(iter(theirs)) or len(common) < COMMON_LABELS or difference > PROBABILITY_TOLERANCE:
        raise BenchError(
            f"The servers do not run the same model: this project answers {ours}, {peer} answers {theirs}; "
            "comparing their speed would mean nothing."
        )


def _measure_round(
    side: Side, port: int, image_path: Path, seconds: float, reference: dict[str, float] | None
) -> Round:
    with running(side, port, image_path.read_bytes()) as server:
        check_agreement(reference or server.prediction, server.prediction, side.name)
        cpu_seconds = -tree_cpu_seconds(server.pid)
        loads = {number: measure(server.url, image_path, number, seconds) for number in CONCURRENCIES}
        cpu_seconds += tree_cpu_seconds(server.pid)
    num_requests = sum(load.num_requests + load.num_warm_up for load in loads.values())
    return Round(
        ready_seconds=server.ready_seconds,
        first_answer_seconds=server.first_answer_seconds,
        peak_memory_mib=server.peak_memory_mib,
        cpu_ms_per_request=cpu_seconds / num_requests * 1000,
        prediction=server.prediction,
        loads=loads,
    )


def _compare_rounds(ours: Sequence[Round], peer: str, theirs: Sequence[Round]) -> list[Record]:
    def row(name: str, unit: str, better: Literal["higher", "lower"], read: Callable[[Round], float]) -> Record:
        return compare(name, unit, better, [read(done) for done in ours], peer, [read(done) for done in theirs])

    def rows(number: int) -> list[Record]:
        at = f"at concurrency {number}"
        return [
            row(f"requests {at}", "requests/s", "higher", lambda done: done.loads[number].requests_per_second),
            row(f"latency p50 {at}", "ms", "lower", lambda done: done.loads[number].p50_ms),
            row(f"latency p95 {at}", "ms", "lower", lambda done: done.loads[number].p95_ms),
            row(f"latency p99 {at}", "ms", "lower", lambda done: done.loads[number].p99_ms),
        ]

    return [
        *(record for number in CONCURRENCIES for record in rows(number)),
        row("processor time per request", "ms", "lower", lambda done: done.cpu_ms_per_request),
        row("start to ready", "s", "lower", lambda done: done.ready_seconds),
        row("start to first prediction", "s", "lower", lambda done: done.first_answer_seconds),
        row("peak memory under load", "MiB", "lower", lambda done: done.peak_memory_mib),
        row("failed requests", "requests", "lower", lambda _: 0),  # one of them would have ended the benchmark
    ]


def _compare_with_floor(ours: Sequence[Round]) -> list[Record]:
    """How near one request comes to the arithmetic alone, and all cores together to theirs."""
    cores = available_cores()
    threads = ServeSettings.from_environment(os.environ, cores).torch_threads
    measured = json.loads(run_module("bench.floor", str(threads), str(cores)))
    per_image = measured["operations"]
    one, all_cores = (measured["peak_per_second"][str(number)] for number in (threads, cores))
    name = f"floor: {per_image / 1e9:.2f} GFLOP per image at {{:.0f}} GFLOP/s fp32, {{}} thread(s)"
    return [
        compare(
            "latency p50 at concurrency 1, to the floor",
            "ms",
            "lower",
            [done.loads[1].p50_ms for done in ours],
            name.format(one / 1e9, threads),
            [per_image / one * 1000],
        ),
        compare(
            "requests at concurrency 4, to the floor",
            "requests/s",
            "higher",
            [done.loads[4].requests_per_second for done in ours],
            name.format(all_cores / 1e9, cores),
            [all_cores / per_image],
        ),
    ]


def run_module(name: str, *arguments: str) -> str:
    """What another module of the benchmark prints, run as a process. Raises BenchError if it fails."""
    command = [sys.executable, "-m", name, *arguments]
    answer = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise BenchError(f"{name} failed: {answer.stderr.strip().splitlines()[-1]}")
    return answer.stdout


PART = Part(
    name="serving",
    help="requests/s, latency, start and memory",
    title="Serving, fp32",
    measure=lambda work_dir, quick: bench_serving(work_dir, rounds=1 if quick else 3, seconds=1 if quick else 4),
    panels=serving_panels,
    columns=3,
    check=require_hey,
)
