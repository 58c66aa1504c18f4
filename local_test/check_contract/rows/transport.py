"""Rows about HTTP itself: chunks, Expect, and connections that are used again."""

from local_test.check_contract import sources
from local_test.check_contract.exchange import Answer, chunks
from local_test.check_contract.lab import Lab
from local_test.check_contract.row import Mode, Outcome, failed, judged, passed, recommended, required, warned
from local_test.check_contract.server import Server

EXPECT_SECONDS = 3.0


@required(
    "http-chunked",
    Mode.HOSTING,
    "A chunked body is answered like one with Content-Length: batch transform sends it where MaxPayloadInMB is 0.",
    sources.BATCH,
)
def chunked(lab: Lab) -> Outcome:
    request = lab.subject.request
    with lab.server().address.connect() as exchange:
        exchange.begin("POST", "/invocations", {**request.headers, "Transfer-Encoding": "chunked"})
        if not exchange.broken:
            exchange.send(chunks(request.body))
        answer = exchange.answer()
    return judged(answer.ok, f"3 chunks: {answer}")


@recommended(
    "http-expect",
    Mode.HOSTING,
    "Expect: 100-continue, which curl sends before large bodies, is answered with 100 or at once.",
    "RFC 9110, section 10.1.1",
)
def expect(lab: Lab) -> Outcome:
    request = lab.subject.request
    with lab.server().address.connect() as exchange:
        headers = {"Content-Length": str(len(request.body)), "Expect": "100-continue"}
        exchange.begin("POST", "/invocations", {**request.headers, **headers})
        first = b"" if exchange.broken else exchange.first_bytes(EXPECT_SECONDS)
        if not first.startswith(b"HTTP/1.1 100"):
            return failed(f"{first.decode(errors='replace') or 'nothing'} within {EXPECT_SECONDS:.0f} s")
        exchange.send(request.body)
        answer = exchange.answer()
    return judged(answer.ok, f"100, then {answer}")


@recommended(
    "http-keep-alive",
    Mode.HOSTING,
    "A connection serves one request after the other, also after a refused one.",
    "RFC 9112, section 9.3",
)
def keep_alive(lab: Lab) -> Outcome:
    good, bad = lab.subject.request.body, b"this is not what you expect"
    answers = asked_in_a_row(lab.server(), [good, bad, good], lab.subject.request.headers)
    seen = ", ".join(str(answer) for answer in answers)
    if len(answers) < 3 and answers[-1].status:
        return warned(f"{seen}, then the server closed the connection")
    return passed(f"on one connection: {seen}") if answers[0].ok and answers[-1].ok else failed(seen)


def asked_in_a_row(server: Server, bodies: list[bytes], headers: dict[str, str]) -> list[Answer]:
    """The answers on one connection, until the server says that it closes it, or breaks it."""
    answers = []
    with server.address.connect() as exchange:
        for body in bodies:
            exchange.begin("POST", "/invocations", {**headers, "Content-Length": str(len(body))})
            exchange.send(body)
            answers.append(exchange.answer())
            if not answers[-1].status or answers[-1].headers.get("connection", "").lower() == "close":
                break
    return answers


ROWS = (chunked, expect, keep_alive)
