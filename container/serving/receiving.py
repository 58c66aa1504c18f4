"""Bytes from a connection -> a whole request: what can be told of one without parsing it.

gunicorn reads a request in the thread that answers it, so that a client which sends slowly holds that thread. Here a
request is gathered first. Parsing it, and refusing it, stays gunicorn's work: what looks unusual goes to it as it came.
"""

import io
import re
from enum import Enum

MAX_HEAD_BYTES = 2**16  # longer heads go to gunicorn, which refuses them
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n")
PING = b"GET /ping "


class Kind(Enum):
    """How a request goes on once its head is there."""

    PING = "a health check"
    WHOLE = "body and all are here"
    STREAM = "its body is read by whoever answers it: chunked, over the limit, or framed in an unusual way"


class Incoming:
    """One request of a connection while it comes in. `kind` is None until it can be answered."""

    def __init__(self, max_body_bytes: int) -> None:
        self.head = b""  # up to and with its empty line; for a STREAM, all that has come
        self.rest = b""  # what came after it: the next request's first bytes
        self.kind: Kind | None = None
        self.size = 0  # bytes of head and body together, once the head is there
        self.wants_continue = False  # the client waits for `100 Continue` before it sends the body
        self._max_body_bytes = max_body_bytes
        self._pieces: list[bytes] = []
        self._missing = 0  # bytes of the body

    @property
    def is_begun(self) -> bool:
        return bool(self.head)

    def take_body(self) -> bytes:
        """The body, which is then no longer kept here."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def feed(self, data: bytes) -> None:
        """Take what has come. Nothing may be fed once `kind` is set."""
        if not self.size:
            self.head = (self.head + data).lstrip(b"\r\n")  # empty lines before a request are allowed
            end = self.head.find(END_OF_HEAD)
            if end < 0:
                self.kind = Kind.STREAM if len(self.head) > MAX_HEAD_BYTES else None
                return
            end += len(END_OF_HEAD)
            self.head, data = self.head[:end], self.head[end:]
            self._begin_body(data)
            if self.kind:
                return
        self._add(data)

    def _begin_body(self, data: bytes) -> None:
        lines = self.head[self.head.find(b"\r\n") :].lower()
        lengths = LENGTH.findall(lines)
        is_plain = b"transfer-encoding" not in lines and lines.count(b"content-length") == len(lengths) <= 1
        length = int(lengths[0]) if lengths else 0
        if not is_plain or length > self._max_body_bytes:
            self.head, self.kind = self.head + data, Kind.STREAM
            return
        self.size, self._missing = len(self.head) + length, length
        self.wants_continue = length > len(data) and b"\r\nexpect: 100-continue" in lines

    def _add(self, data: bytes) -> None:
        piece, self.rest = data[: self._missing], data[self._missing :]
        self._pieces.append(piece)
        self._missing -= len(piece)
        if not self._missing:
            self.kind = Kind.PING if self.head.startswith(PING) else Kind.WHOLE


class WholeBody(io.BytesIO):
    """A request's body that is in memory already: `content`, and how long it took to come, in seconds."""

    def __init__(self, content: bytes, seconds: float) -> None:
        super().__init__(content)
        self.content = content
        self.seconds = seconds
