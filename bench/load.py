"""Requests per second and latencies, measured by the load generator hey."""

import csv
import io
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.errors import BenchError

RESPONSE_TIME, OFFSET, STATUS = "response-time", "offset", "status-code"  # hey's columns; times in seconds
WARM_UP_REQUESTS = 12  # not counted; they also tell how many requests fill the time
TIMEOUT_SECONDS = 60  # SageMaker's own, for an answer


@dataclass(frozen=True)
class Load:
    """What one run of the load generator measured; every request in it was answered with 200."""

    num_requests: int
    num_warm_up: int  # requests before these, which are not measured
    requests_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


def require_hey() -> None:
    if shutil.which("hey") is None:
        raise BenchError(
            "The load generator `hey` is not on PATH; install it with `apt-get install hey` or `brew install hey`."
        )


def measure(url: str, body_path: Path, concurrency: int, seconds: float) -> Load:
    """A closed loop: `concurrency` callers, each sending the next request when the last is answered, for `seconds`.

    Raises BenchError if any request fails or is answered with anything but 200.
    """
    warm_up = _run(url, body_path, concurrency, rounds=max(1, WARM_UP_REQUESTS // concurrency))
    rounds = max(2, round(warm_up.requests_per_second * seconds / concurrency))
    return replace(_run(url, body_path, concurrency, rounds), num_warm_up=warm_up.num_requests)


def _run(url: str, body_path: Path, concurrency: int, rounds: int) -> Load:
    # By number, not by time: hey leaves failed connections out of its CSV, and only a known number shows the gap.
    num_requests = rounds * concurrency
    command = ["hey", "-n", str(num_requests), "-c", str(concurrency), "-t", str(TIMEOUT_SECONDS), "-o", "csv"]
    command += ["-m", "POST", "-D", str(body_path), "-T", "image/jpeg", f"{url}/invocations"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise BenchError(f"hey ended with status {answer.returncode}: {answer.stderr.strip()}")
    return read_csv(answer.stdout, num_requests)


def read_csv(text: str, num_requests: int) -> Load:
    """The measurement in hey's CSV. Raises BenchError unless it holds `num_requests` answers, all of them 200."""
    rows = list(csv.DictReader(io.StringIO(text)))
    bad = [row[STATUS] for row in rows if row[STATUS] != "200"]
    if bad or len(rows) != num_requests:
        raise BenchError(
            f"Of {num_requests} requests {num_requests - len(rows)} got no answer and {len(bad)} were answered with "
            f"{', '.join(sorted(set(bad))) or 'an error'}; a speed with errors does not count: see the server's log."
        )
    latencies = np.array([float(row[RESPONSE_TIME]) for row in rows])
    starts = np.array([float(row[OFFSET]) for row in rows])
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99]) * 1000
    duration = (starts + latencies).max() - starts.min()
    return Load(
        num_requests=num_requests,
        num_warm_up=0,
        requests_per_second=num_requests / float(duration),
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
    )
