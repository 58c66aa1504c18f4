"""Requests that ordinary clients cannot send, and answers that never come whole."""

import socket
import threading
from collections.abc import Iterator

import pytest

from local_test.check_contract.exchange import Address, Answer, chunks, duration
from tests.local_test.check_contract.fake_image import Call, FakeImage, Listener, Reply, listening

SEEN: list[Call] = []


@pytest.fixture
def listener() -> Iterator[Listener]:
    SEEN.clear()

    def note(call: Call) -> Reply:
        SEEN.append(call)
        return Reply(201, b"hello", "Text/Plain; charset=utf-8", {"X-Own": "1"})

    with listening(FakeImage(note)) as listener:
        yield listener


def test_an_answer_has_status_body_type_and_time(listener: Listener) -> None:
    answer = listener.address.ask("POST", "/invocations", b"body", {"Content-Type": "a/b"})
    assert (answer.status, answer.body, answer.content_type, answer.headers["x-own"]) == (
        201,
        b"hello",
        "text/plain",
        "1",
    )
    assert answer.ok
    assert 0 < answer.seconds < 5


def test_no_header_is_sent_but_those_given(listener: Listener) -> None:
    listener.address.ask("POST", "/invocations", b"body", {})
    assert SEEN[0].headers.keys() == {"host", "content-length"}
    listener.address.ask("GET", "/ping")
    assert SEEN[1].headers.keys() == {"host"}


def test_half_a_body_can_be_sent_first_and_the_rest_later(listener: Listener) -> None:
    with listener.address.connect() as exchange:
        exchange.begin("POST", "/invocations", {"Content-Length": "8"})
        exchange.send(b"1234")
        assert exchange.first_bytes(0.1) == b""
        exchange.send(b"5678")
        assert exchange.answer().status == 201
    assert SEEN[0].body == b"12345678"


@pytest.mark.parametrize("body", [b"", b"1", b"1234567"])
def test_chunks_are_the_body_again(listener: Listener, body: bytes) -> None:
    with listener.address.connect() as exchange:
        exchange.begin("POST", "/invocations", {"Transfer-Encoding": "chunked"})
        exchange.send(chunks(body))
        assert exchange.answer().status == 201
    assert SEEN[0].body == body


def test_a_refused_connection_is_an_answer_with_a_reason() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = Address("127.0.0.1", free.getsockname()[1])
    answer = address.ask("GET", "/ping")
    assert (answer.status, answer.ok, answer.refused) == (0, False, False)
    assert str(answer) == "no answer (ConnectionRefusedError: [Errno 111] Connection refused)"
    assert address.seconds_to_accept() == float("inf")


def test_a_silent_server_is_given_up(listener: Listener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = Address("127.0.0.1", silent.getsockname()[1]).ask("GET", "/ping", seconds=0.1)
    assert str(answer) == "no answer (TimeoutError: timed out)"


def test_an_answer_that_comes_before_the_body_is_read_is_not_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(2**20):
                pass
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        answer = Address("127.0.0.1", server.getsockname()[1]).ask("POST", "/", b"a" * 2**22)
        thread.join()
    assert answer.status == 413


@pytest.mark.parametrize(("seconds", "text"), [(0.0031, "3 ms"), (0.9, "900 ms"), (4.06, "4.1 s")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
    assert str(Answer(200, seconds=seconds)) == f"200 in {text}"
