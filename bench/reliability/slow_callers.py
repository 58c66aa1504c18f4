"""Callers that send a byte per second, half of them of the headers and half of the body ("slow loris")."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.record import Record
from bench.reliability.callers import TIMEOUT_SECONDS, Request, calling, failed, percentile_ms
from bench.reliability.disconnects import head_of_request
from bench.reliability.goals import at_least, at_most, without_goal
from bench.reliability.ground import Ground
from bench.reliability.overload import ping_records
from bench.reliability.pings import pinging
from bench.servers import RunningServer, running

NAME = "slow callers"
PERIOD_SECONDS = 1.0
LOOK_SECONDS = 0.1  # between two looks at whether the server has closed a connection
ENDLESS_HEADER = b"X-Slow: " + b"a" * 4096  # none of these callers lives to its end
SLOW_BODY_BYTES = 100_000
WELL_BEHAVED_P99_MS = 500
PAUSE_SECONDS = 0.1  # between two requests of the well-behaved caller


@dataclass
class SlowCaller:
    """A connection that gets a byte per second."""

    connection: socket.socket
    text: bytes
    opened: float = field(default_factory=time.monotonic)
    closed: float | None = None  # by the server
    answer: bytes = b""

    def look(self) -> None:
        """Whether the server has closed it."""
        try:
            received = self.connection.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        self.answer += received
        if not received:
            self.closed = time.monotonic()

    def send_byte(self) -> None:
        with suppress(OSError):  # the next look sees that it is closed
            self.connection.send(self.text[:1])
            self.text = self.text[1:]


def measure(ground: Ground) -> list[Record]:
    with running(ground.side(NAME), ground.photo) as server:
        return slow_callers(server, ground)


def slow_callers(server: RunningServer, ground: Ground) -> list[Record]:
    """The figures of a running server."""
    plan, photo = ground.plan, [Request(body=ground.photo)]
    with (
        pinging(server.url) as pings,
        slow_connections(server.url, plan.num_slow) as slow,
        calling(server.url, photo, 1, PAUSE_SECONDS) as well_behaved,
    ):
        _wait_until_closed(slow, plan.slow_seconds)
    closed = [caller.closed - caller.opened for caller in slow if caller.closed is not None]
    with_answer = sum(caller.answer.startswith(b"HTTP/1.1 408") for caller in slow)
    outcomes = well_behaved.outcomes
    share = 100 * (1 - len(failed(outcomes)) / len(outcomes))
    p99 = percentile_ms(outcomes, 99)
    return [
        at_least(NAME, "a well-behaved caller's requests answered with 200", "%", share, 100),
        at_most(NAME, "p99 of the well-behaved caller", "ms", p99, WELL_BEHAVED_P99_MS),
        *ping_records(NAME, pings),
        at_least(NAME, f"slow callers cut off, of {plan.num_slow}", "", len(closed), plan.num_slow),
        at_most(
            NAME, "until the last of these was cut off", "s", max(closed, default=plan.slow_seconds), TIMEOUT_SECONDS
        ),
        without_goal(NAME, "of them told so with 408", "", with_answer),
    ]


@contextmanager
def slow_connections(url: str, number: int) -> Iterator[list[SlowCaller]]:
    """So many slow callers at work in a thread."""
    address = urlsplit(url)
    target = (address.hostname or "", address.port or 80)
    callers = [_connect(target, is_in_body=index % 2 == 1) for index in range(number)]
    done = threading.Event()
    thread = threading.Thread(target=_keep_sending, args=(callers, done), daemon=True)
    thread.start()
    try:
        yield callers
    finally:
        done.set()
        thread.join()
        for caller in callers:
            caller.connection.close()


def _connect(target: tuple[str, int], *, is_in_body: bool) -> SlowCaller:
    connection = socket.create_connection(target, timeout=30)
    if is_in_body:
        connection.sendall(head_of_request(SLOW_BODY_BYTES))
        text = bytes(SLOW_BODY_BYTES)
    else:
        connection.sendall(b"POST /invocations HTTP/1.1\r\n")
        text = ENDLESS_HEADER
    connection.setblocking(False)
    return SlowCaller(connection, text)


def _keep_sending(callers: list[SlowCaller], done: threading.Event) -> None:
    due = time.monotonic()
    while not done.wait(LOOK_SECONDS):
        is_due = time.monotonic() >= due
        for caller in callers:
            if caller.closed is None:
                caller.look()
            if is_due and caller.closed is None:
                caller.send_byte()
        if is_due:
            due += PERIOD_SECONDS


def _wait_until_closed(callers: list[SlowCaller], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(caller.closed is None for caller in callers):
        time.sleep(LOOK_SECONDS)
