"""SIGTERM under load: requests that had been accepted and were not answered, and how long the server takes to end."""

import os
import signal
import time

import psutil

from bench.record import Record
from bench.reliability.callers import Request, calling, failed
from bench.reliability.goals import at_least, at_most, without_goal
from bench.reliability.ground import Ground
from bench.servers import RunningServer, running
from container import contract

NAME = "SIGTERM under load"


def measure(ground: Ground) -> list[Record]:
    with running(ground.side(NAME), ground.photo) as server:
        return stop(server, ground)


def stop(server: RunningServer, ground: Ground) -> list[Record]:
    """The figures of a running server, which it ends."""
    plan = ground.plan
    with calling(server.url, [Request(body=ground.photo)], plan.callers) as callers:
        time.sleep(plan.seconds)
        stopped = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        seconds = _seconds_to_exit(server.pid, contract.SERVE_GRACE_SECONDS + 5)
    # A connection counts as accepted once it stands, whether or not a worker has taken it from the kernel's queue.
    accepted = [outcome for outcome in callers.outcomes if outcome.connected and outcome.connected < stopped]
    in_flight = [outcome for outcome in accepted if outcome.ended > stopped]
    later = [outcome for outcome in callers.outcomes if outcome.connected and outcome.connected >= stopped]
    return [
        without_goal(NAME, "requests before the signal", "requests", len(accepted)),
        at_least(NAME, "of them in flight at the signal", "requests", len(in_flight), 1),
        at_most(NAME, "of them failed", "requests", len(failed(accepted)), 0),
        without_goal(NAME, "connected after the signal and not answered with 200", "requests", len(failed(later))),
        at_most(NAME, "from the signal to the exit", "s", seconds, contract.SERVE_GRACE_SECONDS),
    ]


def _seconds_to_exit(pid: int, longest_seconds: float) -> float:
    """Or so many, where it does not end."""
    started = time.monotonic()
    while time.monotonic() - started < longest_seconds:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:  # ended; who started it has not looked yet
                break
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    return time.monotonic() - started
