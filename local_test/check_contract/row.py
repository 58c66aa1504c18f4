"""One line of the contract: what the platform demands, and the function that finds out whether an image does it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_test.check_contract.lab import Lab


class Mode(Enum):
    """What SageMaker can do with an image; the values are the words of --modes."""

    IMAGE = "image"
    HOSTING = "hosting"
    BATCH = "batch"
    ASYNCHRONOUS = "asynchronous"
    SERVERLESS = "serverless"
    MULTI_MODEL = "multi-model"
    PIPELINE = "pipeline"
    VARIANTS = "variants"
    TRAINING = "training"


class Status(Enum):
    PASSED = "pass"
    FAILED = "fail"
    WARNED = "warn"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Outcome:
    """How a row came out, and what was seen: one phrase, such as `GET /ping: 200 in 3 ms`."""

    status: Status
    seen: str


Check = Callable[["Lab"], Outcome]


@dataclass(frozen=True)
class Row:
    id: str
    mode: Mode
    required: bool  # the platform refuses or fails without it; else it is wise, and its failure only warns
    demand: str
    source: str
    check: Check
    unchecked: str = ""  # why no run of this tool can check it; empty for the others

    def run(self, lab: "Lab") -> Outcome:
        """The outcome; what a check only recommends cannot fail."""
        outcome = self.check(lab)
        if outcome.status is Status.FAILED and not self.required:
            return Outcome(Status.WARNED, outcome.seen)
        return outcome


def required(row_id: str, mode: Mode, demand: str, source: str) -> Callable[[Check], Row]:
    """Decorator: the check becomes a row that an image must pass."""
    return lambda check: Row(row_id, mode, True, demand, source, check)


def recommended(row_id: str, mode: Mode, demand: str, source: str) -> Callable[[Check], Row]:
    """Decorator: the check becomes a row that warns."""
    return lambda check: Row(row_id, mode, False, demand, source, check)


ONLY_ON_AWS = "only on AWS: "


def only_on_aws(row_id: str, mode: Mode, demand: str, source: str, reason: str) -> Row:
    """A row that no machine outside AWS can check, and why."""
    return unchecked(row_id, mode, demand, source, f"{ONLY_ON_AWS}{reason}")


def unchecked(row_id: str, mode: Mode, demand: str, source: str, reason: str) -> Row:
    """A row that is only told about, and why."""
    return Row(row_id, mode, True, demand, source, lambda _: not_applicable(reason), reason)


def passed(seen: str) -> Outcome:
    return Outcome(Status.PASSED, seen)


def failed(seen: str) -> Outcome:
    return Outcome(Status.FAILED, seen)


def warned(seen: str) -> Outcome:
    return Outcome(Status.WARNED, seen)


def not_applicable(seen: str) -> Outcome:
    return Outcome(Status.NOT_APPLICABLE, seen)


def judged(good: bool, seen: str) -> Outcome:
    """Passed or failed, with the same words."""
    return passed(seen) if good else failed(seen)
