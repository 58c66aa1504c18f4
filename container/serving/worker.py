"""gunicorn's threaded worker, with requests gathered before they take a thread, and health checks past all others.

Slow clients cost a descriptor and the bytes they have sent, and no thread. How connections wait and end is in
worker_loop.py.
"""

import re
import selectors
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.http import errors as http_errors

from container.serving.connection import READ_BYTES, Connection, DeadlineSocket, StreamedBody, drain
from container.serving.priority import ANSWERING, give_way
from container.serving.receiving import Incoming, Kind, WholeBody
from container.serving.retirement import Retirement
from container.serving.worker_loop import LINGER_SECONDS, LoopWorker

SLOWEST_BYTES_PER_SECOND = 100_000  # of a body; on top of `receive_seconds`
INVOCATION = re.compile(rb"[\r\n]*POST /(?:invocations|models/[^ /]+/invoke)[ ?]")
LONGEST_TARGET = 2**10  # bytes at the start of a request in which that is looked for


class ReceivingWorker(LoopWorker):
    """Serves the application of a GunicornServer, of which it also uses `retire` and `has_successor`."""

    def init_process(self) -> None:
        self._retirement = Retirement(self.app.settings.max_worker_mib)
        self._num_answering = 0  # requests in threads, or on their way there; none of them health checks
        self._counting = threading.Lock()
        self._thread = threading.local()  # its `connection` is the one that the thread answers
        self._pings = ThreadPoolExecutor(1, "ping")
        self._streams = ThreadPoolExecutor(max(2, self.cfg.threads // 8), "stream")
        super().init_process()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """All threads at once: the loop would have to wait for each that is started when a burst of requests comes."""
        pool = ThreadPoolExecutor(self.cfg.threads, "answer", initializer=give_way, initargs=(ANSWERING,))
        all_here = threading.Barrier(self.cfg.threads + 1)
        for _ in range(self.cfg.threads):
            pool.submit(all_here.wait)
        all_here.wait()
        return pool

    # Connections: accepted, gathering a request, in a thread, and kept or closed.

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError:
            return  # gone again, or taken by another worker
        self.nr_conns += 1
        connection = Connection(self.cfg, client, address, listener.getsockname())
        self._receive(connection, self.cfg.keepalive)

    def on_client_socket_readable(self, connection: Connection, _: Any) -> None:
        self.poller.unregister(connection.sock)
        self.keepalived_conns.remove(connection)
        self._receive(connection, self.cfg.keepalive)

    def _receive(self, connection: Connection, seconds: float, data: bytes = b"") -> None:
        """Gather the connection's next request; its first byte has to come within that time."""
        connection.incoming = Incoming(self._settings.max_body_bytes)
        connection.deadline = time.monotonic() + seconds
        self._open.add(connection)
        if data:
            self._feed(connection, data)
        else:
            self._read(connection, connection.sock)

    def _read(self, connection: Connection, _: Any) -> None:
        try:
            data = connection.sock.recv(READ_BYTES)
        except BlockingIOError:
            self._wait_for(connection, self._read)
            return
        except OSError:
            data = b""
        if data:
            self._feed(connection, data)
        else:
            self._drop(connection)

    def _feed(self, connection: Connection, data: bytes) -> None:
        if self._is_full and INVOCATION.match(connection.incoming.head + data[:LONGEST_TARGET]):
            # Before its body is read and without a thread: refusing must cost little, or those who are refused cost
            # the others their answers, and health checks their turn.
            self._turn_away(connection)
            return
        if not self._held.take(len(data)):
            self._refuse(connection, 429, "overloaded", "This server holds as many requests as it may; send it later.")
            return
        connection.held += len(data)
        incoming = connection.incoming
        if not incoming.is_begun:
            connection.since = time.monotonic()
            connection.deadline = connection.since + self._settings.receive_seconds
        size_before = incoming.size
        incoming.feed(data)
        if incoming.size and not size_before:
            connection.deadline += incoming.size / SLOWEST_BYTES_PER_SECOND
            if incoming.wants_continue:
                self._send(connection, b"HTTP/1.1 100 Continue\r\n\r\n")
        if incoming.kind:
            self._dispatch(connection)
        else:
            self._wait_for(connection, self._read)

    @property
    def _is_full(self) -> bool:
        return self._num_answering >= max(1, self.cfg.threads - 1)  # one thread is left over for what is no invocation

    def _count(self, connection: Connection, number: int) -> None:
        """Count the connection's request as one that is answered (1), or no longer (0)."""
        with self._counting:
            self._num_answering += number - connection.counted
            connection.counted = number

    def load_wsgi(self) -> None:
        super().load_wsgi()
        application = self.wsgi

        def answer(environ: dict[str, Any], start_response: Any) -> Any:
            try:
                return application(environ, start_response)
            finally:  # before the answer is sent: who has it may ask again at once
                self._count(self._thread.connection, 0)

        self.wsgi = answer

    def _dispatch(self, connection: Connection) -> None:
        self._forget(connection)
        connection.data_ready = True
        connection.init()
        connection.parser.unreader.sock = DeadlineSocket(connection.sock, connection.deadline)
        connection.parser.unreader.unread(connection.incoming.head)
        if connection.incoming.kind is not Kind.PING:
            self._count(connection, 1)
        pools = {Kind.PING: self._pings, Kind.WHOLE: self.tpool, Kind.STREAM: self._streams}
        future = pools[connection.incoming.kind or Kind.STREAM].submit(self.handle, connection)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, connection, done))

    def handle_request(self, request: Any, connection: Connection) -> bool:
        """Whether the connection can be used again. Runs in a thread."""
        incoming = connection.incoming
        self._thread.connection = connection
        connection.sock.settimeout(self._settings.receive_seconds)  # for a client that does not read its answer
        if incoming.kind is Kind.STREAM:
            request.body = StreamedBody(request.body)
            keep = bool(super().handle_request(request, connection))
            connection.parser.unreader.sock.deadline = time.monotonic() + LINGER_SECONDS
            return drain(request.body) and keep
        if getattr(request.body.reader, "length", None) != incoming.size - len(incoming.head):
            raise http_errors.InvalidHeader("CONTENT-LENGTH", req=request)  # two readings of it: trust neither
        request.body = WholeBody(incoming.take_body(), time.monotonic() - connection.since)
        request._expected_100_continue = False  # it has been sent
        try:
            return bool(super().handle_request(request, connection))
        finally:
            request.body = WholeBody(b"", 0)  # nothing is left to read

    def finish_request(self, connection: Connection, future: "Future[Any]") -> None:
        self._count(connection, 0)  # if it never came to the application
        self._give_back(connection)
        rest = connection.incoming.rest
        if connection.incoming.kind is Kind.STREAM and connection.parser:
            rest = connection.parser.unreader.take_buffered()
        is_kept = not future.cancelled() and not future.exception() and bool(future.result())
        if not is_kept:
            self._linger(connection)
            return
        connection.sock.setblocking(False)
        if rest:
            self._receive(connection, self.cfg.keepalive, rest)
        else:
            self._keep(connection)

    def _keep(self, connection: Connection) -> None:
        # Also by a worker that is to end: its client was told that the connection stays open, and may be sending.
        connection.set_timeout()
        self.keepalived_conns.append(connection)
        wake = partial(self.on_client_socket_readable, connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, wake)

    # The loop.

    def notify(self) -> None:
        """Tell the master that this worker lives, and end it once its memory is over its bound."""
        super().notify()
        if self._retirement.is_due(self.app, self):
            self.alive = False
