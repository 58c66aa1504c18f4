"""The real server when something goes wrong: a worker is killed, callers go away, it is told to stop under load."""

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.container.serving.running_server import RunningServer

CALLERS = 6
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset
HEAD = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


class Load:
    """Callers that ask again and again: when each request was sent, and the status that it got; None: no answer."""

    def __init__(self, server: RunningServer, image: bytes) -> None:
        self.answers: list[tuple[float, int | None]] = []
        self.stopping = threading.Event()
        self._server, self._image = server, image

    def call(self) -> None:
        while not self.stopping.is_set():
            connection = self._server.connect()
            try:
                connection.connect()
            except OSError:  # nothing listens: not accepted, so not lost
                return
            sent = time.monotonic()
            try:
                connection.request("POST", "/invocations", self._image)
                status = connection.getresponse().status
            except OSError:
                status = None
            self.answers.append((sent, status))
            connection.close()

    @property
    def num_lost(self) -> int:
        return sum(status != 200 for _, status in self.answers)


@contextmanager
def under_load(server: RunningServer, image: bytes) -> Iterator[Load]:
    load = Load(server, image)
    threads = [threading.Thread(target=load.call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stopping.set()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="module")
def server(base_dir, tmp_path_factory):
    running = RunningServer(base_dir, tmp_path_factory.mktemp("home"), {**os.environ, "SERVE_WORKERS": "2"})
    running.wait_for_ping(200)
    yield running
    running.kill()


def workers(server: RunningServer) -> set[int]:
    children = psutil.Process(server.process.pid).children()
    return {child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE}


def wait_until(condition, seconds: float = 30) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_killed_worker_is_replaced_and_loses_no_more_than_it_held(server, red_jpeg):
    wait_until(lambda: len(server.events("ready")) == 2)
    before = workers(server)
    with under_load(server, red_jpeg) as load:
        wait_until(lambda: len(load.answers) > 20)
        victim = min(before)
        os.kill(victim, signal.SIGSTOP)  # what it holds is counted while it cannot change
        connections = psutil.Process(victim).net_connections("tcp")
        num_held = sum(bool(item.raddr) for item in connections)
        os.kill(victim, signal.SIGKILL)

        def is_served_by_another() -> bool:
            new = workers(server) - before
            return any(line["process"] in new and line["status"] == 200 for line in server.events("request"))

        wait_until(is_served_by_another)
    assert len(workers(server)) == 2
    assert load.num_lost <= num_held <= CALLERS


def test_callers_that_go_away_leave_no_descriptor_and_no_error_behind(server, red_jpeg):
    def num_descriptors() -> int:
        return sum(psutil.Process(pid).num_fds() for pid in workers(server))

    def go_away(num_bytes: int, *, with_reset: bool) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            if with_reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.sendall(HEAD % len(red_jpeg) + red_jpeg[:num_bytes])

    assert server.request("POST", "/invocations", red_jpeg)[0] == 200
    time.sleep(0.5)
    before = num_descriptors()
    for _ in range(30):
        for num_bytes in (0, len(red_jpeg) // 2, len(red_jpeg)):
            go_away(num_bytes, with_reset=False)
            go_away(num_bytes, with_reset=True)
    wait_until(lambda: num_descriptors() <= before)
    assert server.request("POST", "/invocations", red_jpeg)[0] == 200
    assert [line for line in server.events("request") if line["status"] >= 500] == []
    assert server.events("request_failed") == []


# The last one: it ends the server.
def test_sigterm_under_load_loses_nothing_that_was_accepted(server, red_jpeg):
    with under_load(server, red_jpeg) as load:
        wait_until(lambda: len(load.answers) > 20)
        stopped = time.monotonic()
        assert server.terminate(within_seconds=25) == 0
    accepted = [status for sent, status in load.answers if sent < stopped]
    assert len(accepted) > 20
    assert set(accepted) == {200}
