from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.serving.receiving import MAX_HEAD_BYTES, Incoming, Kind

POST = b"POST /invocations HTTP/1.1\r\nHost: x\r\n"


def receive(*pieces: bytes, max_body_bytes: int = 100) -> Incoming:
    incoming = Incoming(max_body_bytes)
    for piece in pieces:
        assert incoming.kind is None
        incoming.feed(piece)
    return incoming


def test_a_request_without_a_body_is_whole_with_its_head():
    incoming = receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (incoming.kind, incoming.take_body(), incoming.rest) == (Kind.WHOLE, b"", b"")


def test_a_health_check_is_told_from_other_requests():
    assert receive(b"GET /ping HTTP/1.1\r\n\r\n").kind is Kind.PING
    assert receive(b"GET /pings HTTP/1.1\r\n\r\n").kind is Kind.WHOLE
    assert receive(b"POST /ping HTTP/1.1\r\n\r\n").kind is Kind.WHOLE


@given(st.lists(st.integers(1, 60), max_size=6))
def test_a_request_is_whole_however_it_is_cut(cuts):
    message = POST + b"Content-Length: 5\r\n\r\nhello" + b"GET /ping HTTP/1.1\r\n"
    places = sorted({0, *(cut for cut in cuts if cut < len(message) - 24), len(message)})
    incoming = Incoming(100)
    for start, end in pairwise(places):
        incoming.feed(message[start:end])
    assert (incoming.kind, incoming.take_body(), incoming.rest) == (Kind.WHOLE, b"hello", b"GET /ping HTTP/1.1\r\n")
    assert incoming.head == POST + b"Content-Length: 5\r\n\r\n"


def test_nothing_is_told_of_half_a_head_or_half_a_body():
    assert receive(POST).kind is None
    half = receive(POST + b"Content-Length: 5\r\n\r\nhel")
    assert (half.kind, half.size) == (None, len(POST) + 21 + 2 + 5 - 2)


def test_empty_lines_before_a_request_are_passed_over():
    assert receive(b"\r\n", b"\r\nGET /ping HTTP/1.1\r\n\r\n").kind is Kind.PING


@pytest.mark.parametrize(
    "line",
    [
        b"Transfer-Encoding: chunked",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5, 5",
        b"Content-Length: -5",
        b"Content-Length: 0x5",
        b"Content-Length : 5",
        b"Content-Length: 101",
        b"Content-Length: 9999999999999999999999",
    ],
)
def test_what_is_unusual_or_too_large_goes_to_the_parser_with_all_that_came(line):
    message = POST + line + b"\r\n\r\nhello"
    incoming = receive(message)
    assert (incoming.kind, incoming.head) == (Kind.STREAM, message)


def test_an_endless_head_goes_to_the_parser():
    incoming = receive(POST + b"X: " + b"a" * MAX_HEAD_BYTES)
    assert incoming.kind is Kind.STREAM


def test_a_client_that_waits_to_be_told_to_send_is_known():
    head = POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    assert receive(head).wants_continue
    assert not receive(head + b"hello").wants_continue  # it did not wait
    assert not receive(POST + b"Content-Length: 5\r\n\r\n").wants_continue
