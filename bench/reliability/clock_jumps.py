"""The wall clock is set a day ahead and a day back while the server serves.

No process can have a wall clock of its own from the kernel. So the server gets a few lines of C preloaded
(wall_clock.c), which show it another time of day than the machine has. libfaketime, which does the same and more,
would not do: with it, Python's time.sleep fails wherever monotonic clocks are to go on (0.9.10, EINVAL).
"""

import http.client
import struct
import subprocess
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.record import Record
from bench.reliability.callers import Request, calling, failed, percentile_ms
from bench.reliability.census import worker_pids
from bench.reliability.goals import at_least, at_most
from bench.reliability.ground import Ground, MissingToolError
from bench.reliability.overload import ping_records
from bench.reliability.pings import pinging
from bench.reliability.server_log import LogMark, wall_time
from bench.servers import RunningServer, running

NAME = "clock jumps"
SOURCE_PATH = Path(__file__).with_name("wall_clock.c")
DAY_SECONDS = 86_400
JUMPS = (DAY_SECONDS, -DAY_SECONDS, 0)  # seconds that the clock is ahead of the machine's, one after the other
KEEPALIVE_SECONDS = 1
LATEST_CLOSE_SECONDS = 4  # of an idle connection
P99_MS = 2000


def measure(ground: Ground) -> list[Record]:
    """Raises MissingToolError where there is no C compiler."""
    offset_path = ground.work_dir / "clock-offset"
    set_clock(offset_path, 0)
    side = ground.side(NAME, SERVE_KEEPALIVE_SECONDS=str(KEEPALIVE_SECONDS))
    side = replace(side, variables={**side.variables, **fake_clock(build_library(ground.work_dir), offset_path)})
    with running(side, ground.photo) as server:
        return clock_jumps(server, ground, offset_path, LogMark.at_end(side.log_path))


def clock_jumps(server: RunningServer, ground: Ground, offset_path: Path, mark: LogMark) -> list[Record]:
    """The figures of a running server, whose clock is ahead by as many seconds as the file says."""
    workers, closed = worker_pids(server.pid), []
    with pinging(server.url) as pings, calling(server.url, [Request(body=ground.photo)], 2) as callers:
        for offset in JUMPS:
            time.sleep(ground.plan.seconds)
            idle = _idle_connection(server.url)
            set_clock(offset_path, offset)
            closed.append(_seconds_until_closed(idle))
        time.sleep(ground.plan.seconds)
    lines = mark.lines()
    return [
        at_least(NAME, "step seen in the times of the log", "h", _largest_step(lines) / 3600, 24),
        at_most(NAME, "requests that failed", "requests", len(failed(callers.outcomes)), 0),
        at_most(NAME, "p99 of all requests", "ms", percentile_ms(callers.outcomes, 99), P99_MS),
        *ping_records(NAME, pings),
        at_most(NAME, "until an idle connection is closed", "s", closed, LATEST_CLOSE_SECONDS),
        at_most(NAME, "lines of the log with a negative duration", "lines", sum(map(_is_negative, lines)), 0),
        at_most(NAME, "errors and answers of 500 in the log", "lines", len(mark.failures()), 0),
        at_most(NAME, "workers lost", "", len(workers - worker_pids(server.pid)), 0),
    ]


def build_library(folder: Path) -> Path:
    """The compiled wall_clock.c. Raises MissingToolError where that cannot be done."""
    library = folder / "wall_clock.so"
    try:
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE_PATH)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingToolError(
            "No C compiler `cc` for Linux is on PATH; install it with `apt-get install gcc`."
        ) from error
    return library


def fake_clock(library: Path, offset_path: Path) -> dict[str, str]:
    """The variables with which a process sees the wall clock that set_clock sets."""
    return {"LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET": str(offset_path)}


def set_clock(offset_path: Path, seconds: int) -> None:
    """Put the clock so many seconds ahead of the machine's."""
    with offset_path.open("r+b" if offset_path.exists() else "w+b", buffering=0) as file:  # never cut: it is mapped
        file.write(struct.pack("q", seconds))


def _idle_connection(url: str) -> http.client.HTTPConnection:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=LATEST_CLOSE_SECONDS)
    connection.request("GET", "/ping")
    connection.getresponse().read()
    return connection


def _seconds_until_closed(connection: http.client.HTTPConnection) -> float:
    """Of an idle connection, by the server; twice what is allowed where it stays open."""
    started = time.monotonic()
    if connection.sock is None:  # the answer said that it would be closed
        return 0.0
    try:
        connection.sock.settimeout(2 * LATEST_CLOSE_SECONDS)
        connection.sock.recv(1)
    except OSError:
        pass
    connection.close()
    return time.monotonic() - started


def _largest_step(lines: list[dict[str, Any]]) -> float:
    """Seconds between two neighbouring lines of the log, at most."""
    times = [wall_time(line) for line in lines if "time" in line]
    return max((abs(after - before) for before, after in pairwise(times)), default=0.0)


def _is_negative(line: dict[str, Any]) -> bool:
    durations = [value for name, value in line.items() if name.endswith(("_ms", "_seconds", "seconds_since_start"))]
    return any(isinstance(value, int | float) and value < 0 for value in durations)
