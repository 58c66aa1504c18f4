"""A connection of the worker, and how it is read: never longer than until a moment, and to the end of a body."""

import socket
import time
from typing import Any

from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import TConn

from container.serving.receiving import Incoming

READ_BYTES = 2**18  # at a time: one client's large body must not keep the others waiting
NOTHING = Incoming(0)  # of a connection on which no request is coming in


class DeadlineSocket:
    """What gunicorn's parser reads from: a socket whose every read ends at one moment, with TimeoutError."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self.deadline = deadline

    def recv(self, count: int) -> bytes:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The request did not come in time")
        self._sock.settimeout(left)
        return self._sock.recv(count)


class StreamedBody:
    """gunicorn's body of a request, whose trailers may break the rules of headers: then ValueError, as of the body."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, count: int) -> bytes:
        try:
            data: bytes = self._body.read(count)
        except http_errors.ParseException as error:
            raise ValueError(str(error)) from error
        return data


class Connection(TConn):
    """A connection, and the request that is coming in on it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.incoming = NOTHING
        self.since = 0.0  # time.monotonic() of the request's first byte
        self.deadline = 0.0
        self.held = 0  # bytes of this request that count as held
        self.counted = 0  # 1 while its request is among those that are answered
        self.last_moment = 0.0  # to which a connection that is to be closed may go on sending
        self.is_registered = False


def drain(body: Any) -> bool:
    """Whether all of a body has been read, or could be now: a client that sends sees no answer before it is done."""
    try:
        while body.read(READ_BYTES):
            pass
    except Exception:  # a timeout, a broken body, a client that has gone: its connection ends
        return False
    return True
