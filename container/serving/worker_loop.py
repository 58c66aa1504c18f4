"""The loop of gunicorn's threaded worker: connections that wait in it until a moment, and how they end there.

Nobody's connection is waited for in it; whoever is refused, or sends nothing, costs a descriptor and no thread.
"""

import selectors
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import ThreadWorker

from container.serving.connection import NOTHING, READ_BYTES, Connection
from container.serving.error_answer import error_answer
from container.serving.held_bytes import HeldBytes
from container.serving.json_log import log_event
from container.serving.settings import ServeSettings

LINGER_SECONDS = 2.0  # without a word from a client that has its answer, before its connection is closed
POLL_SECONDS = 0.2  # between looks at what has expired


class LoopWorker(ThreadWorker):
    """Uses `settings`, `held` and `metrics` of the GunicornServer whose application it serves."""

    wsgi: Any

    def init_process(self) -> None:
        self._settings: ServeSettings = self.app.settings
        self._held: HeldBytes = self.app.held
        self._open: set[Connection] = set()  # receiving, or lingering before they are closed
        self._looked = time.monotonic()
        self._num_refused = 0  # that the log has not told yet
        super().init_process()

    # The loop.

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Also closes idle connections after it was told to stop: gunicorn's own would wait for the next event."""
        super().wait_for_and_dispatch_events(min(timeout, POLL_SECONDS))

    def murder_pending(self) -> None:
        """End what has not come in time."""
        now = time.monotonic()
        if now - self._looked < POLL_SECONDS:
            return
        self._looked = now
        if self._num_refused:  # one line for all of them: thousands per second may come
            log_event("requests_refused", status=429, error_code="overloaded", number=self._num_refused)
            self._num_refused = 0
        for connection in [connection for connection in self._open if connection.deadline < now]:
            if connection.incoming.is_begun:
                self._refuse(connection, 408, "too_slow", "The request did not come in time; send it again.")
            else:
                self._drop(connection)

    def _wait_for(self, connection: Connection, act: Callable[[Connection, Any], None]) -> None:
        if not connection.is_registered:
            self.poller.register(connection.sock, selectors.EVENT_READ, partial(act, connection))
            connection.is_registered = True

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection.is_registered:
            self.poller.unregister(connection.sock)
            connection.is_registered = False

    # Ends of connections that are not gunicorn's.

    def _linger(self, connection: Connection) -> None:
        # Closed with bytes unread, a connection is reset, and its client may not get to see the answer.
        try:
            connection.sock.setblocking(False)
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)
            return
        connection.incoming = NOTHING
        now = time.monotonic()
        connection.deadline = now + LINGER_SECONDS
        connection.last_moment = now + self._settings.receive_seconds
        self._open.add(connection)
        self._wait_for(connection, self._skip)

    def _skip(self, connection: Connection, _: Any) -> None:
        try:
            if connection.sock.recv(READ_BYTES):  # a body that was refused before it was there
                connection.deadline = min(time.monotonic() + LINGER_SECONDS, connection.last_moment)
            else:
                self._drop(connection)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)

    def _turn_away(self, connection: Connection) -> None:
        """Refuse an invocation for which there is no thread."""
        self._num_refused += 1
        self.app.metrics.count_refusal(429)
        self._end_with(connection, 429, "overloaded", "This server has all it can do; send the request later.")

    def _refuse(self, connection: Connection, status: int, code: str, message: str) -> None:
        log_event("request_refused", status=status, error_code=code)
        self._end_with(connection, status, code, message)

    def _end_with(self, connection: Connection, status: int, code: str, message: str) -> None:
        self._forget(connection)
        self._send(connection, error_answer(status, code, message))
        self._give_back(connection)
        self._linger(connection)

    def _drop(self, connection: Connection) -> None:
        self._forget(connection)
        self._give_back(connection)
        self.nr_conns -= 1
        connection.close()

    def _give_back(self, connection: Connection) -> None:
        self._held.give_back(connection.held)
        connection.held = 0

    def _send(self, connection: Connection, data: bytes) -> None:
        try:
            connection.sock.send(data)  # short enough for the socket's own buffer
        except OSError:
            return  # the client has gone; reading will tell

    def handle_error(self, request: Any, client: socket.socket, address: Any, error: Exception) -> None:
        """Answer what cannot be read as a request, in JSON as all other errors."""
        if not isinstance(error, http_errors.ParseException):
            super().handle_error(request, client, address, error)
            return
        status = {http_errors.LimitRequestHeaders: 431, http_errors.ExpectationFailed: 417}.get(type(error), 400)
        if isinstance(error, http_errors.UnsupportedTransferCoding):
            status = 501
        log_event("request_refused", status=status, error_code="bad_http", reason=str(error)[:200])
        client.setblocking(False)
        try:
            client.send(error_answer(status, "bad_http", f"This is no HTTP request that can be read: {error}."))
        except OSError:
            return
