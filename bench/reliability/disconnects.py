"""Callers that go away before, in the middle of and after their body: what is left of them in the server."""

import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

from bench.record import Record
from bench.reliability.callers import Request, ask
from bench.reliability.census import settled_census, worker_pids
from bench.reliability.goals import at_least, at_most, without_goal
from bench.reliability.ground import Ground
from bench.reliability.server_log import LogMark
from bench.servers import RunningServer, running
from container.serving.memory import TRIM_BYTES

NAME = "client disconnects"
AT_ONCE = 8
SHARES = (0.0, 0.5, 1.0)  # of the body that is sent before the caller goes away
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset in place of an orderly end
MEMORY_MIB = TRIM_BYTES / 2**20  # more than before: so much free memory the server keeps on purpose
LATER_REQUESTS = 20


def measure(ground: Ground) -> list[Record]:
    side = ground.side(NAME)
    with running(side, ground.photo) as server:
        return disconnects(server, ground, LogMark.at_end(side.log_path))


def disconnects(server: RunningServer, ground: Ground, mark: LogMark) -> list[Record]:
    """The figures of a running server, whose log is read from the mark on."""
    number, address = ground.plan.num_disconnects, urlsplit(server.url)
    target = (address.hostname or "", address.port or 80)
    head = head_of_request(len(ground.photo))
    _go_away_many_times(target, head, ground.photo, max(AT_ONCE * len(SHARES), number // 3))  # to fill all buffers
    workers = worker_pids(server.pid)
    before = settled_census(server.pid)
    _go_away_many_times(target, head, ground.photo, number)
    after = settled_census(server.pid, before.num_descriptors)
    later = [ask(server.url, Request(body=ground.photo)) for _ in range(LATER_REQUESTS)]
    answered = sum(outcome.status == 200 for outcome in later)
    return [
        without_goal(NAME, "callers that went away", "connections", number),
        at_most(NAME, "descriptors more than before", "", after.num_descriptors - before.num_descriptors, 0),
        at_most(NAME, "memory more than before", "MiB", after.memory_mib - before.memory_mib, MEMORY_MIB),
        at_most(NAME, "workers lost", "", len(workers - worker_pids(server.pid)), 0),
        at_least(NAME, f"answered afterwards, of {LATER_REQUESTS}", "requests", answered, LATER_REQUESTS),
        at_most(NAME, "errors and answers of 500 in the log", "lines", len(mark.failures()), 0),
    ]


def head_of_request(num_bytes: int) -> bytes:
    """The headers of an invocation with a JPEG of so many bytes."""
    lines = [
        "POST /invocations HTTP/1.1",
        "Host: localhost",
        "Content-Type: image/jpeg",
        f"Content-Length: {num_bytes}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _go_away_many_times(target: tuple[str, int], head: bytes, body: bytes, times: int) -> None:
    def go_away(number: int) -> None:
        share = SHARES[number % len(SHARES)]
        _go_away(target, head + body[: int(share * len(body))], with_reset=number // len(SHARES) % 2 == 1)

    _at_once(go_away, times)


def _at_once(act: Callable[[int], None], times: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as callers:
        list(callers.map(act, range(times)))


def _go_away(target: tuple[str, int], data: bytes, *, with_reset: bool) -> None:
    with suppress(OSError), socket.create_connection(target, timeout=30) as connection:
        if with_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.sendall(data)
