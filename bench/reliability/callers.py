"""Callers over HTTP whose every request is remembered, with its connection."""

import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np

TIMEOUT_SECONDS = 60  # SageMaker's own, for an answer


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is sent, and the status that a server should give it."""

    method: str = "POST"
    path: str = "/invocations"
    body: bytes = b""
    content_type: str = "image/jpeg"
    is_chunked: bool = False
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One request; times are of time.monotonic()."""

    request: Request
    started: float  # before the connection
    connected: float | None  # None: nothing listened
    ended: float
    local_port: int  # of the connection; 0 where there was none
    status: int  # 0: no answer
    retry_after: str | None = None
    error: str = ""

    @property
    def milliseconds(self) -> float:
        return (self.ended - self.started) * 1000


def ask(url: str, request: Request) -> Outcome:
    """The outcome of a request over a new connection. `url` is the server's; its path is not used."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
    started, connected, port = time.monotonic(), None, 0
    try:
        connection.connect()
        connected, port = time.monotonic(), connection.sock.getsockname()[1]
        status, retry_after = _exchange(connection, request)
        error = ""
    except (OSError, http.client.HTTPException) as failure:
        status, retry_after, error = 0, None, repr(failure)
    finally:
        connection.close()
    return Outcome(
        request=request,
        started=started,
        connected=connected,
        ended=time.monotonic(),
        local_port=port,
        status=status,
        retry_after=retry_after,
        error=error,
    )


def _exchange(connection: http.client.HTTPConnection, request: Request) -> tuple[int, str | None]:
    half = len(request.body) // 2
    body = iter([request.body[:half], request.body[half:]]) if request.is_chunked else request.body
    with suppress(BrokenPipeError):  # a server that refuses early may have answered before it closed
        connection.request(request.method, request.path, body, {"Content-Type": request.content_type})
    response = connection.getresponse()
    response.read()
    return response.status, response.getheader("Retry-After")


@dataclass
class Callers:
    """Threads that each send the next request when the last one has been answered."""

    url: str
    requests: Sequence[Request]  # in turn
    pause_seconds: float = 0.0  # between an answer and the next request of the same caller
    outcomes: list[Outcome] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def call(self) -> None:
        number = 0
        while not self._stopping.is_set():
            outcome = ask(self.url, self.requests[number % len(self.requests)])
            self.outcomes.append(outcome)
            number += 1
            # Where nothing listens any more, callers would spin.
            self._stopping.wait(self.pause_seconds if outcome.connected else max(0.02, self.pause_seconds))

    def stop(self) -> None:
        self._stopping.set()


@contextmanager
def calling(url: str, requests: Sequence[Request], number: int, pause_seconds: float = 0.0) -> Iterator[Callers]:
    """So many callers at work; afterwards every request has its outcome."""
    callers = Callers(url, requests, pause_seconds)
    threads = [threading.Thread(target=callers.call, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield callers
    finally:
        callers.stop()
        for thread in threads:
            thread.join()


def failed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that were not answered, or not with the status that the request deserves."""
    return [outcome for outcome in outcomes if outcome.status != outcome.request.status]


def percentile_ms(outcomes: Sequence[Outcome], percent: float) -> float:
    """Of the requests that were answered with 200; the time-out where there are none."""
    answered = [outcome.milliseconds for outcome in outcomes if outcome.status == 200]
    return float(np.percentile(answered, percent)) if answered else TIMEOUT_SECONDS * 1000.0
