"""What is started here, a process or a container: followed to its end, or ended in order, and nothing of it is left.

Each has a session of its own, so that a terminal's Ctrl-C does not reach it: it is ended in one way, wherever a signal
was sent to.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from local_test.image import docker
from local_test.interrupts import INTERRUPTED, listening

POLL_SECONDS = 0.1
OBEYED = (0, -signal.SIGTERM, 128 + signal.SIGTERM)  # exit statuses after SIGTERM; the others came before it could


class Started:
    """A process of this machine. `options` are subprocess.Popen's."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        self._process = subprocess.Popen(command, start_new_session=True, **options)

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> None:
        """At most so long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def stop(self) -> bool:
        """Ask it to end in order; whether it could be asked."""
        self._process.terminate()
        return True

    def kill(self) -> None:
        """End it at once, with all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class StartedContainer(Started):
    """A container of this name; the process is the `docker run` that has started it, and shows what it writes."""

    def __init__(self, name: str, command: Sequence[str], **options: Any) -> None:
        super().__init__(command, **options)
        self._name = name

    def stop(self) -> bool:
        # By the engine, as on a terminal the client passes no signal on; False where there is no container yet.
        return _ask_engine("kill", "--signal", "TERM", self._name)

    def kill(self) -> None:
        super().kill()  # the client first, which may be about to start the container
        _ask_engine("rm", "-f", self._name)


def end(started: Started, heard: Sequence[int], grace_seconds: float, before: int = 0) -> None:
    """Return once it has ended: asked to, or killed after the grace, or once `heard` has over `before` urgent ones."""
    deadline = time.monotonic() + grace_seconds
    is_asked = False
    while started.status is None:
        if time.monotonic() > deadline or urgent(heard) > before:
            started.kill()
            return
        is_asked = is_asked or started.stop()
        started.wait(POLL_SECONDS)


def urgent(heard: Sequence[int]) -> int:
    """How many of the signals a person has sent: a terminal that is closed may say so twice."""
    return sum(number != signal.SIGHUP for number in heard)


def follow(start: Callable[[], Started], grace_seconds: float) -> int:
    """The exit status of what `start` starts; INTERRUPTED if Ctrl-C has ended it, in order or, the second, at once."""
    heard: list[int] = []
    with listening(heard.append):
        started = start()
        while started.status is None and not heard:
            started.wait(POLL_SECONDS)
        if heard:
            before = urgent(heard)  # the next one may come as soon as the sentence is shown
            with contextlib.suppress(OSError):  # the terminal has been closed
                print("\nStopping; press Ctrl-C again to end at once.", file=sys.stderr)
            end(started, heard, grace_seconds, before)
    status = started.status
    assert status is not None
    # Without its terminal a job fails at its next line, which says nothing about the job.
    is_stopped = status in (*OBEYED, -signal.SIGKILL) or signal.SIGHUP in heard
    return INTERRUPTED if heard and is_stopped else status


def _ask_engine(*arguments: str) -> bool:
    # In a session of its own, too: a Ctrl-C must not end the request.
    done = subprocess.run([docker(), *arguments], capture_output=True, check=False, start_new_session=True)
    return done.returncode == 0
