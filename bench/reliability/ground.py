"""Where scenarios are measured: the server that they start, what they send it, and how long they take."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import BenchError
from bench.sides import Side, our_side
from local_test.image import DEFAULT_IMAGE


class MissingToolError(BenchError):
    """This machine lacks what a scenario needs; one sentence says what to install. It is then left out."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how hard."""

    seconds: float  # of each load
    callers: int = 16  # of a closed loop
    overload: int = 10  # times the requests per second that the server can answer
    num_disconnects: int
    num_slow: int = 200  # callers that send a byte per second
    slow_seconds: float  # longest that they are watched
    num_kills: int
    replace_seconds: float  # longest wait for a new worker to answer; more than the goal
    soak_seconds: float
    memory_gib: tuple[int, ...] = (1, 2, 3)  # of serverless endpoints


FULL = Plan(seconds=8, num_disconnects=3000, slow_seconds=90, num_kills=5, replace_seconds=30, soak_seconds=480)
QUICK = Plan(
    seconds=2, num_disconnects=300, slow_seconds=90, num_kills=1, replace_seconds=30, soak_seconds=20, memory_gib=(1,)
)


@dataclass(frozen=True, kw_only=True)
class Ground:
    base_dir: Path  # laid out like /opt/ml, with the model
    work_dir: Path  # logs
    photo: bytes  # a JPEG
    plan: Plan
    image: str = DEFAULT_IMAGE  # of the scenarios that need a container
    make_side: Callable[..., Side] = our_side

    def side(self, scenario: str, **variables: str) -> Side:
        """The server with these variables, and a log of its own."""
        side = self.make_side("this project", self.base_dir, self.work_dir, **variables)
        return replace(side, log_path=self.work_dir / f"{scenario.replace(' ', '-').replace('/', '')}.log")
