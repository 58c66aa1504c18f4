"""kill -9 of a worker under load: which requests are lost, and how soon another worker answers."""

import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.errors import BenchError
from bench.record import Record
from bench.reliability.callers import Outcome, Request, calling, failed
from bench.reliability.census import worker_pids
from bench.reliability.goals import at_most, without_goal
from bench.reliability.ground import Ground
from bench.reliability.server_log import LogMark, wall_time
from bench.servers import RunningServer, running

NAME = "kill -9 of a worker"
WORKERS = 2
REPLACE_SECONDS = 2.0
LOOK_SECONDS = 0.02
SEED = 0  # of the choice of the worker


@dataclass(frozen=True)
class Kill:
    """One worker that was killed."""

    in_flight: frozenset[int]  # ports of the callers whose connections it held
    moment: float  # time.monotonic()
    answered_seconds: float  # from the kill to the first 200 of a worker that was not there before


def measure(ground: Ground) -> list[Record]:
    side = ground.side(NAME, SERVE_WORKERS=str(WORKERS))
    with running(side, ground.photo) as server:
        return kill_workers(server, ground, side.log_path)


def kill_workers(server: RunningServer, ground: Ground, log_path: Path) -> list[Record]:
    """The figures of a running server with several workers."""
    plan, chooser, kills = ground.plan, random.Random(SEED), []  # noqa: S311  no secret
    with calling(server.url, [Request(body=ground.photo)], plan.callers) as callers:
        for _ in range(plan.num_kills):
            time.sleep(plan.seconds)
            kills.append(_kill_one(server, chooser, log_path, plan.replace_seconds))
        time.sleep(plan.seconds)
    lost = [failed_in(kill, callers.outcomes) for kill in kills]
    others = len(failed(callers.outcomes)) - sum(lost)
    return [
        without_goal(NAME, "requests while workers were killed", "requests", len(callers.outcomes)),
        without_goal(NAME, "in flight in the killed worker", "requests", [len(kill.in_flight) for kill in kills]),
        without_goal(NAME, "of them failed", "requests", lost),
        at_most(NAME, "other requests that failed", "requests", others, 0),
        at_most(NAME, "until a new worker answers", "s", [kill.answered_seconds for kill in kills], REPLACE_SECONDS),
    ]


def failed_in(kill: Kill, outcomes: Sequence[Outcome]) -> int:
    """How many of the requests that the killed worker held were not answered with 200."""
    held = [
        outcome
        for outcome in outcomes
        if outcome.local_port in kill.in_flight and outcome.started <= kill.moment <= outcome.ended
    ]
    return len(failed(held))


def _kill_one(server: RunningServer, chooser: random.Random, log_path: Path, longest_seconds: float) -> Kill:
    before = worker_pids(server.pid)
    if not before:
        raise BenchError("The server has no worker that could be killed.")
    victim = chooser.choice(sorted(before))
    os.kill(victim, signal.SIGSTOP)  # so that what it holds does not change between the look and the kill
    in_flight = _callers_of(victim, urlsplit(server.url).port or 80)
    moment, wall, mark = time.monotonic(), time.time(), LogMark.at_end(log_path)
    os.kill(victim, signal.SIGKILL)
    return Kill(in_flight, moment, _seconds_to_answer(server, before, mark, wall, longest_seconds))


def _callers_of(pid: int, port: int) -> frozenset[int]:
    connections = psutil.Process(pid).net_connections("tcp")
    return frozenset(item.raddr.port for item in connections if item.raddr and item.laddr.port == port)


def _seconds_to_answer(
    server: RunningServer, before: set[int], mark: LogMark, killed: float, longest_seconds: float
) -> float:
    """From `killed`, by time.time(), to the first 200 in the log that none of the old workers wrote."""
    while time.time() - killed < longest_seconds:
        new = worker_pids(server.pid) - before
        answers = [line for line in mark.lines() if line.get("process") in new and line.get("status") == 200]
        if answers:
            return max(0.0, wall_time(answers[0]) - killed)
        time.sleep(LOOK_SECONDS)
    return longest_seconds
