"""Many requests at once, and what health checks and new connections see meanwhile."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from local_test.check_contract.exchange import Answer
from local_test.check_contract.lab import Lab
from local_test.check_contract.server import Server
from local_test.check_contract.subject import Request

CLIENTS = 16
SECONDS = 2.0
PAUSE_SECONDS = 0.02  # between two looks


@dataclass(frozen=True)
class Load:
    answers: list[Answer]
    pings: list[Answer]
    connection_seconds: list[float]

    def __str__(self) -> str:
        counts = Counter(answer.status or answer.reason for answer in self.answers)
        told = ", ".join(f"{count} x {status}" for status, count in counts.most_common())
        return f"{CLIENTS} clients ({told})"


def measured_load(lab: Lab) -> Load:
    """Two seconds of load on the lab's server, once for all rows that look at it."""
    return lab.once("load", lambda: measure(lab.server(), lab.subject.request, SECONDS))


def measure(server: Server, request: Request, seconds: float) -> Load:
    pings: list[Answer] = []
    connections: list[float] = []
    with busy(server, request) as answers:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pings.append(server.ping())
            connections.append(server.address.seconds_to_accept())
            time.sleep(PAUSE_SECONDS)
    return Load(answers, pings, connections)


@contextmanager
def busy(server: Server, request: Request, clients: int = CLIENTS) -> Iterator[list[Answer]]:
    """Clients that each send one request after the other; their answers are in the list once the block is left."""
    answers: list[Answer] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(server.invoke(request))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()
