"""The real server against slow, rude and many clients."""

import contextlib
import json
import os
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.container.serving.running_server import RunningServer, read_answer


@pytest.fixture(scope="module")
def server(base_dir, tmp_path_factory):
    """One with very little of everything."""
    settings = {
        "SERVE_THREADS": "3",
        "SERVE_RECEIVE_SECONDS": "2",
        "SERVE_KEEPALIVE_SECONDS": "2",
        "SERVE_MAX_BODY_BYTES": "1000000",
        "SERVE_MAX_HELD_MIB": "2",
    }
    running = RunningServer(base_dir, tmp_path_factory.mktemp("home"), {**os.environ, **settings})
    running.wait_for_ping(200)
    yield running
    running.kill()


def head(length: int, *lines: str) -> bytes:
    text = ["POST /invocations HTTP/1.1", "Host: x", "Content-Type: image/jpeg", f"Content-Length: {length}", *lines]
    return "\r\n".join([*text, "", ""]).encode()


def open_socket(server: RunningServer, data: bytes = b"") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    sock.sendall(data)
    return sock


def read_all(sock: socket.socket) -> bytes:
    """Everything until the server closes."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            data += piece
    return data


def test_clients_that_send_slowly_take_no_thread_from_others(server, red_jpeg):
    slow = [open_socket(server, data) for data in [b"POST /invo", head(500_000) + b"x"] for _ in range(20)]
    start = time.monotonic()
    for _ in range(5):
        assert server.request("POST", "/invocations", red_jpeg)[0] == 200
        assert server.request("GET", "/ping")[0] == 200
    assert time.monotonic() - start < 2
    for sock in slow:
        sock.close()


def test_a_request_that_does_not_come_in_time_is_408(server):
    with open_socket(server, b"POST /invocations HTTP/1.1\r\n") as sock:
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_slow"


def test_a_chunked_body_that_does_not_come_in_time_is_408(server):
    with open_socket(
        server, b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
    ) as sock:
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(server):
    with open_socket(server) as sock:
        assert read_all(sock) == b""


def test_bodies_of_all_clients_together_are_bounded(server):
    waiting = [open_socket(server, head(900_000) + bytes(890_000)) for _ in range(2)]
    time.sleep(0.5)
    with open_socket(server, head(900_000) + bytes(890_000)) as sock:
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"Retry-After: 1\r\n" in answer
    for sock in waiting:  # what they held is free again, once they are done
        sock.sendall(bytes(10_000))
        assert sock.recv(100).startswith(b"HTTP/1.1 400 ")
        sock.close()
    give_up = time.monotonic() + 10
    while (status := server.request("POST", "/invocations", bytes(900_000))[0]) == 429:
        assert time.monotonic() < give_up
    assert status == 400


def test_a_full_server_refuses_before_a_body_has_come_and_takes_it_in_all_the_same(
    start_server, slow_base_dir, red_jpeg
):
    server = start_server(slow_base_dir, SERVE_WORKERS="1", SERVE_THREADS="2")
    server.wait_for_ping(200)
    # The application knows this address too, and refuses in the thread that is left over.
    other_spelling = head(len(red_jpeg)).replace(b" /invocations", b" http://x/invocations")
    with ThreadPoolExecutor(1) as callers:
        admitted = callers.submit(server.request, "POST", "/invocations", red_jpeg)
        time.sleep(0.2)
        refused = open_socket(server, head(3_000_000))  # and no byte of the body
        answer = refused.recv(1000)
        assert not admitted.done()
        refused.sendall(bytes(3_000_000))  # as a client does that looks for an answer only then
        refused.close()
        with open_socket(server, other_spelling + red_jpeg) as sock:
            late_answer = sock.recv(1000)
        assert not admitted.done()
        assert admitted.result()[0] == 200
    for refusal in (answer, late_answer):
        assert refusal.upper().startswith(b"HTTP/1.1 429 TOO MANY REQUESTS")
        assert b"Retry-After: 1" in refusal
    while not (lines := server.events("requests_refused")):
        time.sleep(0.05)
    assert [line["number"] for line in lines] == [1]
    text = server.request("GET", "/metrics")[2].decode()
    assert 'classifier_requests_total{route="/invocations",status="429"} 2.0' in text


def test_a_caller_who_asks_again_as_soon_as_answered_finds_a_place(start_server, base_dir, red_jpeg):
    server = start_server(base_dir, SERVE_WORKERS="1", SERVE_THREADS="2")  # one of them for invocations
    server.wait_for_ping(200)
    assert {server.request("POST", "/invocations", red_jpeg)[0] for _ in range(100)} == {200}


def test_requests_may_follow_each_other_without_waiting_for_answers(server, red_jpeg):
    both = (
        head(len(red_jpeg)) + red_jpeg + b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" + head(1, "Connection: close") + b"x"
    )
    with open_socket(server, both) as sock:
        answer = read_all(sock)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"400"]


def test_a_client_that_waits_for_100_continue_is_told_once(server, red_jpeg):
    with open_socket(server, head(len(red_jpeg), "Expect: 100-continue", "Connection: close")) as sock:
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(red_jpeg)
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"100 Continue" not in answer


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /ping HTTP/1.1\r\nX y: z\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", 400),
        (b"GET /ping HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_request_is_refused_in_json(server, request_head, status):
    with open_socket(server, request_head) as sock:
        head_text, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert head_text.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(body)["error"]["code"] == "bad_http"


def test_a_client_that_does_not_close_keeps_nobody_waiting(server):
    lingering = []
    for _ in range(5):
        lingering.append(open_socket(server, b"GET /ping HTTP/1.0\r\n\r\n"))
        assert lingering[-1].recv(100).startswith(b"HTTP/1.0 200 OK")
    start = time.monotonic()
    assert server.request("GET", "/ping")[0] == 200
    assert time.monotonic() - start < 1
    for sock in lingering:
        sock.close()


def test_metrics_are_sums_over_all_workers(start_server, base_dir, red_jpeg):
    server = start_server(base_dir, SERVE_WORKERS="2")
    server.wait_for_ping(200)
    with ThreadPoolExecutor(8) as callers:
        statuses = list(callers.map(lambda _: server.request("POST", "/invocations", red_jpeg)[0], range(40)))
    assert statuses == [200] * 40
    text = server.request("GET", "/metrics")[2].decode()
    assert 'classifier_requests_total{route="/invocations",status="200"} 40.0' in text
    assert "classifier_worker_starts_total 2.0" in text


def test_a_worker_over_its_memory_is_replaced_and_no_request_is_lost(start_server, base_dir, red_jpeg):
    server = start_server(base_dir, SERVE_WORKERS="1", SERVE_MAX_WORKER_MIB="1", SERVE_KEEPALIVE_SECONDS="1")
    server.wait_for_ping(200)
    statuses = []
    connection = server.connect()
    give_up = time.monotonic() + 40
    while len(server.events("worker_retires")) < 3 and time.monotonic() < give_up:
        connection.request("POST", "/invocations", red_jpeg)
        statuses.append(read_answer(connection)[0])
    connection.close()
    assert len(server.events("worker_retires")) >= 3
    assert set(statuses) == {200}
    assert len(statuses) > 10
