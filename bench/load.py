"""Requests per second and latencies, measured by the load generator h2load, over HTTP/1.1.

It shares the machine's cores with the server, equally for every side; written in C, it takes few of their cycles.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError

WARM_UP_REQUESTS = 8  # not counted; they also tell how many requests fill the time
TIMEOUT_SECONDS = 60  # SageMaker's own, for an answer
LONGEST_SECONDS = 900  # of one run of the generator, which ends by itself long before


@dataclass(frozen=True)
class Body:
    """What is posted: a file and the content type that is named for it."""

    path: Path
    content_type: str


@dataclass(frozen=True)
class Load:
    """What one run of the load generator measured; latencies are those of requests answered with 200."""

    num_requests: int
    num_warm_up: int  # requests before these, which are not measured
    num_errors: int  # requests, of the warm-up too, that got no answer, or anything but 200
    requests_per_second: float  # that were answered with 200
    p50_ms: float
    p95_ms: float
    p99_ms: float


def require_h2load() -> None:
    if shutil.which("h2load") is None:
        raise BenchError(
            "The load generator `h2load` is not on PATH; install it with `apt-get install nghttp2-client` or "
            "`brew install nghttp2`."
        )


def closed_loop(url: str, body: Body, concurrency: int, seconds: float) -> Load:
    """`concurrency` callers, each sending the next request when the last is answered, for about `seconds`."""
    warm_up = _run_loop(url, body, concurrency, rounds=max(1, WARM_UP_REQUESTS // concurrency))
    rounds = max(2, round(warm_up.requests_per_second * seconds / concurrency))
    load = _run_loop(url, body, concurrency, rounds)
    return replace(load, num_warm_up=warm_up.num_requests, num_errors=load.num_errors + warm_up.num_errors)


def open_loop(url: str, body: Body, rate: int, seconds: float) -> Load:
    """A new caller every 1/`rate` s, however long the answers take; latencies count from when each was due."""
    num_requests = round(rate * seconds)
    period_us = round(1e6 / rate)
    numbers = ["-n", str(num_requests), "-c", str(num_requests), "-r", "1", f"--rate-period={period_us // 1000}ms"]
    assert period_us % 1000 == 0, "h2load's shortest unit of time is a millisecond"
    return summarize(run_h2load(url, body, numbers), num_requests, period_us)


def _run_loop(url: str, body: Body, concurrency: int, rounds: int) -> Load:
    # By number, not by time: h2load logs no line for a failed connection, and only a known number shows the gap.
    num_requests = rounds * concurrency
    return summarize(run_h2load(url, body, ["-n", str(num_requests), "-c", str(concurrency)]), num_requests)


def run_h2load(url: str, body: Body, numbers: Sequence[str]) -> str:
    """h2load's log of one run, whose length and callers are given by its own options."""
    with TemporaryDirectory() as folder:
        log_path = Path(folder) / "requests.tsv"  # a new one each time: h2load adds to a file that exists
        command = ["h2load", "--h1", *numbers, f"--connection-inactivity-timeout={TIMEOUT_SECONDS}"]
        command += [f"--data={body.path}", f"--header=content-type: {body.content_type}", f"--log-file={log_path}", url]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{url} kept h2load waiting for {LONGEST_SECONDS} s.") from error
        if answer.returncode or not log_path.is_file():
            raise BenchError(f"h2load ended with status {answer.returncode}: {answer.stderr.strip()}")
        return log_path.read_text()


def summarize(log: str, num_requests: int, period_us: int | None = None) -> Load:
    """The measurement in h2load's log of `num_requests` requests: a line each of start and duration, in us, and status.

    With `period_us`, each request was due that much after the one before it, and its latency counts from then.
    """
    rows = np.array([[int(field) for field in line.split("\t")] for line in log.splitlines()]).reshape(-1, 3)
    rows = rows[rows[:, 0].argsort(kind="stable")]
    starts, ends = rows[:, 0], rows[:, 0] + rows[:, 2]
    due = starts if period_us is None else _due_times(starts, period_us)
    answered = rows[:, 1] == 200
    num_answered = int(answered.sum())
    seconds = float(ends.max() - due.min()) / 1e6 if len(rows) else TIMEOUT_SECONDS
    p50, p95, p99 = _percentiles_ms((ends - due)[answered])
    return Load(
        num_requests=num_requests,
        num_warm_up=0,
        num_errors=num_requests - num_answered,
        requests_per_second=num_answered / seconds,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
    )


def _due_times(starts: NDArray[np.int64], period_us: int) -> NDArray[np.int64]:
    """When each request should have started, by the schedule that the most punctual of them shows."""
    schedule = np.arange(len(starts)) * period_us
    return schedule + (starts - schedule).min() if len(starts) else starts


def _percentiles_ms(latencies_us: NDArray[np.int64]) -> tuple[float, float, float]:
    if not len(latencies_us):  # a caller would have waited until the time-out
        return (TIMEOUT_SECONDS * 1000.0,) * 3
    p50, p95, p99 = np.percentile(latencies_us, [50, 95, 99]) / 1000
    return float(p50), float(p95), float(p99)
