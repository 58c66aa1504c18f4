"""HTTP to a server under test, down to what well-behaved clients cannot send: no type, half a body, chunks."""

import http.client
import math
import select
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

ANSWER_SECONDS = 60  # of an invocation: developer guide, "Custom Inference Code with Hosting Services"
PIECE_BYTES = 2**16
BROKEN = (OSError, http.client.HTTPException)  # what a connection that breaks raises


@dataclass(frozen=True)
class Answer:
    """A whole answer. `status` 0: the connection broke or stayed silent, and `reason` says how."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    seconds: float = 0.0  # from before the connection was made until the last byte
    reason: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether the server says that the request is at fault."""
        return 400 <= self.status < 500

    @property
    def content_type(self) -> str:
        """Without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def __str__(self) -> str:
        if not self.status:
            return f"no answer ({self.reason})"
        return f"{self.status} in {duration(self.seconds)}"


def duration(seconds: float) -> str:
    """`3 ms` or `4.1 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


class Exchange:
    """One request on one connection, in parts: `send` any number of times, then `answer`."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection
        self.broken = ""
        self._started = time.monotonic()

    def begin(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Send the head, with these headers and Host, and no others."""
        self._started = time.monotonic()
        try:
            self.connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                self.connection.putheader(name, value)
            self.connection.endheaders()
        except BROKEN as error:
            self.broken = _reason(error)

    def send(self, body: bytes | Iterable[bytes]) -> None:
        """A server may answer and hang up before it has read everything: that is no error here."""
        pieces = _pieces(body) if isinstance(body, bytes) else body
        try:
            for piece in pieces:
                self.connection.send(piece)
        except BROKEN as error:
            self.broken = _reason(error)

    def first_bytes(self, seconds: float) -> bytes:
        """What has been answered so far, at most a status line's beginning; nothing if it stays silent that long."""
        channel = self.connection.sock
        if not select.select([channel], [], [], seconds)[0]:
            return b""
        return channel.recv(12, socket.MSG_PEEK)

    def answer(self) -> Answer:
        """What the server says to it all, waited for."""
        if self.connection.sock is None:  # it never stood
            return Answer(0, seconds=time.monotonic() - self._started, reason=self.broken)
        try:
            response = self.connection.getresponse()
            body = response.read()
        except BROKEN as error:
            return Answer(0, seconds=time.monotonic() - self._started, reason=self.broken or _reason(error))
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, body, headers, time.monotonic() - self._started)


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    @contextmanager
    def connect(self, seconds: float = ANSWER_SECONDS) -> Iterator[Exchange]:
        """A connection on which one request may follow another. `seconds`: longest silence that is borne."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        try:
            yield Exchange(connection)
        finally:
            connection.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Answer:
        """The answer to one request with these headers, Host and Content-Length, and no others."""
        length = {} if body is None else {"Content-Length": str(len(body))}
        with self.connect(seconds) as exchange:
            exchange.begin(method, path, {**length, **(headers or {})})
            if body and not exchange.broken:
                exchange.send(body)
            return exchange.answer()

    def seconds_to_accept(self, timeout: float = 5) -> float:
        """Until a TCP connection stands; infinity if it is refused or takes longer than `timeout`."""
        started = time.monotonic()
        try:
            with socket.create_connection((self.host, self.port), timeout):
                return time.monotonic() - started
        except OSError:
            return math.inf


def chunks(body: bytes, num_chunks: int = 3) -> Iterator[bytes]:
    """The body as `Transfer-Encoding: chunked` carries it."""
    size = max(1, -(-len(body) // num_chunks))
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _pieces(body: bytes) -> Iterator[bytes]:
    return (body[at : at + PIECE_BYTES] for at in range(0, len(body), PIECE_BYTES))


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
