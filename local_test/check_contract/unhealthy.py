"""A container that should never become ready: what it answers instead, and whether it stays up."""

import time
from dataclasses import dataclass

from local_test.check_contract.engine import Container
from local_test.check_contract.exchange import Answer, duration
from local_test.check_contract.server import POLL_SECONDS, PORT, Server, address_of
from local_test.check_contract.subject import Request

SILENT_FACTOR = 10  # a container that answers nothing yet is given this many times as long


@dataclass(frozen=True)
class Unhealthy:
    ping: Answer
    seconds: float  # from the start until that answer
    exit_status: int | None  # None: still running
    invocation: Answer | None  # asked only if /ping was 200
    last_words: str

    def __str__(self) -> str:
        if self.exit_status is not None:
            return f"ended with status {self.exit_status} after {duration(self.seconds)}: {self.last_words}"
        asked = f", invocation: {self.invocation}" if self.invocation else ""
        return f"GET /ping: {self.ping.status or self.ping} after {duration(self.seconds)}, still running{asked}"


def watch(container: Container, request: Request, started: float, seconds: float) -> Unhealthy:
    """What /ping says once it is 200, the container has ended, or `seconds` since the start and it has answered."""
    server = Server(address_of(container, PORT), container)
    while True:
        answer, now = server.ping(), time.monotonic() - started
        if answer.status == 200:
            return Unhealthy(answer, now, None, server.invoke(request), container.last_words())
        if not container.running:
            return Unhealthy(answer, now, container.exit_status, None, container.last_words())
        if now > seconds and (answer.status or now > SILENT_FACTOR * seconds):
            return Unhealthy(answer, now, None, None, container.last_words())
        time.sleep(POLL_SECONDS)
