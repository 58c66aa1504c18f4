"""Rows about SIGTERM, which scale-in, updates and deletion send to a serving container."""

import time
from contextlib import ExitStack

from local_test.check_contract import sources
from local_test.check_contract.engine import Container
from local_test.check_contract.exchange import Answer, duration
from local_test.check_contract.lab import Lab
from local_test.check_contract.row import Mode, Outcome, judged, recommended, required
from local_test.check_contract.server import Server
from local_test.check_contract.stopped_server import StoppedServer
from local_test.check_contract.subject import Request

GRACE_SECONDS = 30
IN_FLIGHT = 4
TAKEN_SECONDS = 0.5  # until the server has surely taken up what was sent
SIGTERM_STATUS = 128 + 15


@required(
    "stop-in-time",
    Mode.HOSTING,
    "On SIGTERM the container ends within 30 s, after which it is killed.",
    sources.HOSTING,
)
def in_time(lab: Lab) -> Outcome:
    found = stopped(lab)
    if found.seconds is None:
        return judged(False, f"still running {GRACE_SECONDS} s after SIGTERM")
    return judged(True, f"ended {duration(found.seconds)} after SIGTERM")


@required(
    "stop-in-flight",
    Mode.HOSTING,
    "Requests that are in flight at SIGTERM are answered.",
    sources.HOSTING,
)
def in_flight(lab: Lab) -> Outcome:
    answers = stopped(lab).answers
    lost = [answer for answer in answers if not answer.ok]
    return judged(not lost, f"{len(answers) - len(lost)} of {len(answers)} answered" + (f"; {lost[0]}" if lost else ""))


@recommended(
    "stop-status",
    Mode.HOSTING,
    "A stop in order shows in the exit status: 0, or 143 for SIGTERM.",
    sources.HOSTING,
)
def status(lab: Lab) -> Outcome:
    found = stopped(lab)
    return judged(found.exit_status in (0, SIGTERM_STATUS), f"exit status {found.exit_status}")


def stopped(lab: Lab) -> StoppedServer:
    return lab.once("stopped", lambda: stop(lab))


def stop(lab: Lab) -> StoppedServer:
    with lab.serving() as server:
        return stop_with_requests(server, lab.subject.request)


def stop_with_requests(server: Server, request: Request) -> StoppedServer:
    """SIGTERM while half of each of some requests has been sent; the other half follows."""
    half = len(request.body) // 2
    with ExitStack() as stack:
        exchanges = [stack.enter_context(server.address.connect(GRACE_SECONDS)) for _ in range(IN_FLIGHT)]
        for exchange in exchanges:
            exchange.begin("POST", "/invocations", {**request.headers, "Content-Length": str(len(request.body))})
            exchange.send(request.body[:half])
        time.sleep(TAKEN_SECONDS)
        started = time.monotonic()
        server.container.signal("TERM")
        time.sleep(TAKEN_SECONDS)
        for exchange in exchanges:
            exchange.send(request.body[half:])
        answers = [exchange.answer() for exchange in exchanges]
    return ended(server.container, started, answers)


def ended(container: Container, started: float, answers: list[Answer]) -> StoppedServer:
    left = GRACE_SECONDS - (time.monotonic() - started)
    if container.wait(max(left, 0.1)) is None:
        return StoppedServer(answers, None, None)
    return StoppedServer(answers, time.monotonic() - started, container.exit_status)


ROWS = (in_time, in_flight, status)
