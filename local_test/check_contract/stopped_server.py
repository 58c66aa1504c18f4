"""What a serving container did when it got SIGTERM."""

from dataclasses import dataclass

from local_test.check_contract.exchange import Answer


@dataclass(frozen=True)
class StoppedServer:
    answers: list[Answer]  # to the requests that were in flight
    seconds: float | None  # from the signal until it ended; None: it had to be killed
    exit_status: int | None
