"""Jobs of SageMaker: begun once however often a command is run, and followed to their end."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.announce import announce
from deploy.context import Context
from deploy.creation import is_taken, require_ours
from deploy.errors import AwsError, DeployError, NotFoundError

RUNNING = {"InProgress", "Stopping"}
Request = dict[str, Any]
Description = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    words: str
    noun: str  # in the names of operations and of their fields
    short: str  # in the names of jobs

    def name_of(self, description: Description) -> str:
        return str(description[f"{self.noun}Name"])

    def status_of(self, description: Description) -> str:
        return str(description[f"{self.noun}Status"])


TRAINING = Kind("training job", "TrainingJob", "train")
TUNING = Kind("tuning job", "HyperParameterTuningJob", "tune")
TRANSFORM = Kind("transform job", "TransformJob", "batch")


@dataclass(frozen=True)
class Plan:
    """A job that may have to be begun. `request(name, origin)` is its request.

    `origin` is the name of the first of the attempts that have not completed: what they share is below that name.
    """

    kind: Kind
    request: Callable[[str, str], Request]
    data: str  # fingerprint of what it reads
    price: str


def describe(context: Context, kind: Kind, name: str) -> Description | None:
    try:
        return context.aws.read("sagemaker", f"Describe{kind.noun}", **{f"{kind.noun}Name": name})
    except NotFoundError:
        return None


def begin(context: Context, plan: Plan, *, again: bool) -> str:
    """The name of the job: one that runs or has completed, else one begun now.

    After one that failed or was stopped, the next attempt is begun; after a completed one only with `again`.
    """
    kind, identity = plan.kind, [plan.request("", ""), plan.data]
    origin, last = "", None
    for attempt in itertools.count():
        name = names.job_name(context.project, kind.short, [identity, attempt])
        origin = origin or name
        description = describe(context, kind, name)
        if description is None:
            break
        last = description
        if kind.status_of(last) == "Completed":
            origin = ""
    if last is not None and (kind.status_of(last) in RUNNING or (kind.status_of(last) == "Completed" and not again)):
        return kind.name_of(last)
    announce(f"{kind.words} {name}", plan.price)
    _create(context, kind, name, plan.request(name, origin))
    return name


def follow(context: Context, kind: Kind, name: str, tell: Callable[[Description], str]) -> Description:
    """The job's description once it is over, however it ended; a line on stderr whenever what `tell` says changes."""
    found: list[Description] = []

    def look() -> tuple[bool, str]:
        description = context.aws.read("sagemaker", f"Describe{kind.noun}", **{f"{kind.noun}Name": name})
        found.append(description)
        return kind.status_of(description) not in RUNNING, tell(description)

    context.aws.wait(name, look)
    return found[-1]


def require_completed(kind: Kind, description: Description) -> None:
    """Raises DeployError, with the reason, where the log is and what to do, for a job that ended in another way."""
    name, status = kind.name_of(description), kind.status_of(description)
    if status == "Completed":
        return
    reason = str(description.get("FailureReason") or "").strip().rstrip(".")
    ended = "failed" if status == "Failed" else "was stopped"
    raise DeployError(
        f"The {kind.words} {name} {ended}{f': {reason}' if reason else ''}. "
        f"Its log: python -m deploy logs {name}. The same command begins the next attempt."
    )


def _create(context: Context, kind: Kind, name: str, request: Request) -> None:
    try:
        context.aws.change("sagemaker", f"Create{kind.noun}", **request)
    except AwsError as error:
        found = describe(context, kind, name) if is_taken(error) else None
        if found is None:
            raise
        # An earlier try of this very call, cut off before its answer came, has begun it.
        require_ours(context, kind.words, name, found[f"{kind.noun}Arn"])
