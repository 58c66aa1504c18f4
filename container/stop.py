"""SIGTERM, from the platform to the training processes.

The training toolkit does not pass signals on to the script, so the launcher (process 1 of the container) does. Each
training process puts its pid into a folder that both know; the launcher marks the folder and signals every pid in it.
A process that starts after the mark sees the mark.
"""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from container import contract

FOLDER_VARIABLE = "CLASSIFIER_PROCESS_DIR"
MARK = "stop"
LAST_SECONDS = 10  # of the grace time after SIGTERM, in which the process itself ends
_asked_at: list[float] = []  # when this process first passed a stop on


class Stopped(Exception):  # noqa: N818
    """Training was asked to stop. Not an error: the best model so far is written and the process ends well."""


class StopRequest:
    """Set by SIGTERM, or by the first Ctrl-C; a second Ctrl-C ends the process at once."""

    def __init__(self) -> None:
        self.is_set = False

    def set(self, number: int, _: FrameType | None) -> None:
        self.is_set = True
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def check(self) -> None:
        """Raise Stopped if a stop was asked for: for long work outside the training loop."""
        if self.is_set:
            raise Stopped


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Within it SIGTERM and Ctrl-C set the request instead of ending the process."""
    request = StopRequest()
    previous = {number: signal.signal(number, request.set) for number in (signal.SIGTERM, signal.SIGINT)}
    folder = os.environ.get(FOLDER_VARIABLE)
    own = Path(folder, str(os.getpid())) if folder else None
    if own is not None:
        try:
            own.touch()
        except OSError as error:  # a full disk
            print(f"This process will not be told to stop: {own} cannot be written ({error.strerror}).", flush=True)
        request.is_set = own.with_name(MARK).exists()
    try:
        yield request
    finally:
        if own is not None:
            own.unlink(missing_ok=True)
        for number, handler in previous.items():
            signal.signal(number, handler)


def pass_on(folder: Path) -> None:
    """Tell every training process, started or yet to start, to stop: the launcher's answer to SIGTERM.

    An error would end the launcher, wherever the signal has interrupted it.
    """
    if not _asked_at:
        _asked_at.append(time.monotonic())
    with suppress(OSError):  # a full disk, on which those that run are still told; or all is over
        (folder / MARK).touch()
    for pid in listeners(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def seconds_left() -> float:
    """Of the platform's grace time after SIGTERM, in the process that passed it on; no end where none has come."""
    return contract.STOP_GRACE_SECONDS - (time.monotonic() - _asked_at[0]) if _asked_at else math.inf


def waits(seconds: float) -> Iterator[float]:
    """How long to wait, a second at most, again and again, until so many are over or SIGTERM leaves no more.

    SIGTERM may come between two of them; there is one at least.
    """
    until, left = time.monotonic() + seconds, 1.0
    while left > 0:
        yield min(left, 1.0)
        left = min(until - time.monotonic(), seconds_left() - LAST_SECONDS)


def listeners(folder: Path) -> list[int]:
    """Processes that listen, or were ended before they could say that they no longer do."""
    try:
        return [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()]
    except OSError:
        return []
