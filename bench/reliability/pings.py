"""How long GET /ping takes while something else goes on: asked every 50 ms by a process of its own.

    python -m bench.reliability.pings URL

asks until its standard input ends, then prints a JSON list of [milliseconds, status]; status 0 means no answer.
"""

import http.client
import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.errors import BenchError
from bench.loops import PROJECT_DIR

PERIOD_SECONDS = 0.05
TIMEOUT_SECONDS = 5.0  # SageMaker's is 2 s
LIMIT_MS = 100.0  # what /ping is held to


@dataclass
class Pings:
    """What was seen, once the polling has ended."""

    milliseconds: list[float] = field(default_factory=list)
    num_failed: int = 0

    @property
    def longest_ms(self) -> float:
        return max(self.milliseconds, default=TIMEOUT_SECONDS * 1000)


@contextmanager
def pinging(url: str) -> Iterator[Pings]:
    """Pings, polled until this context ends. `url` is the server's; its path is not used."""
    command = [sys.executable, "-m", "bench.reliability.pings", url]
    process = subprocess.Popen(
        command, cwd=PROJECT_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pings = Pings()
    try:
        process.stdout.readline()  # it asks from now on
        yield pings
        output, errors = process.communicate("")
    finally:
        process.kill()
        process.communicate()
    if process.returncode:
        raise BenchError(f"bench.reliability.pings failed: {errors.strip()}")
    seen = json.loads(output)
    pings.milliseconds = [milliseconds for milliseconds, _ in seen]
    pings.num_failed = sum(status != 200 for _, status in seen)


def ping(host: str, port: int) -> tuple[float, int]:
    """Milliseconds and status over a new connection, as the platform's health check has one."""
    started = time.monotonic()
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/ping")
        response = connection.getresponse()
        response.read()
        status = response.status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        connection.close()
    return (time.monotonic() - started) * 1000, status


def main(url: str) -> None:
    address = urlsplit(url)
    print("asking", flush=True)
    seen = []
    while True:
        due = time.monotonic() + PERIOD_SECONDS
        seen.append(ping(address.hostname or "", address.port or 80))
        if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            break
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])
