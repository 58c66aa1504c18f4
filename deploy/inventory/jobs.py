"""Jobs: those that run now, and what those that are over have cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy import prices
from deploy.context import Context
from deploy.creation import is_ours
from deploy.inventory.resource import Request, Resource

RUNNING = "InProgress"
STOPPING = "Stopping"


@dataclass(frozen=True)
class JobKind:
    title: str
    word: str  # as it stands in the operations' names and keys
    items: str  # the listing's key

    def named(self, name: str) -> dict[str, str]:
        return {f"{self.word}Name": name}


# Tuning jobs first: a stopped one starts no more training jobs.
KINDS = (
    JobKind("tuning job", "HyperParameterTuningJob", "HyperParameterTuningJobSummaries"),
    JobKind("training job", "TrainingJob", "TrainingJobSummaries"),
    JobKind("transform job", "TransformJob", "TransformJobSummaries"),
)


@dataclass(frozen=True)
class FinishedJob:
    title: str
    name: str
    status: str
    instance_type: str
    instance_seconds: float  # billable, of all instances together

    @property
    def dollars(self) -> float | None:
        price = prices.instance_hour(self.instance_type)
        return None if price is None else price * self.instance_seconds / 3600


def find_running(context: Context) -> Iterator[Resource]:
    for kind in KINDS:
        for item in [item for status in (RUNNING, STOPPING) for item in _listed(context, kind, StatusEquals=status)]:
            name, status = item[f"{kind.word}Name"], item[f"{kind.word}Status"]
            stop = Request("sagemaker", f"Stop{kind.word}", kind.named(name))
            yield Resource(
                kind.title,
                name,
                status,
                item["CreationTime"],
                # A tuning job's instances are those of its training jobs, which are listed too.
                0.0 if kind is KINDS[0] else _dollars_per_hour(_describe(context, kind, name)),
                (stop,) if status == RUNNING else (),
                Request("sagemaker", f"Describe{kind.word}", kind.named(name)),
                f"{kind.word}Status",
            )


def find_finished(context: Context) -> Iterator[FinishedJob]:
    """Training jobs, those of tuning jobs among them, and transform jobs."""
    for kind in KINDS[1:]:
        for item in _listed(context, kind):
            if item[f"{kind.word}Status"] in (RUNNING, STOPPING):
                continue
            job = _describe(context, kind, item[f"{kind.word}Name"])
            instance_type, count = _instances(job)
            seconds = _billable_seconds(job) * count
            yield FinishedJob(kind.title, item[f"{kind.word}Name"], item[f"{kind.word}Status"], instance_type, seconds)


def _listed(context: Context, kind: JobKind, **which: str) -> Iterator[dict[str, Any]]:
    items = context.aws.pages("sagemaker", f"List{kind.word}s", kind.items, NameContains=context.project, **which)
    for item in items:
        if is_ours(context, item[f"{kind.word}Arn"]):
            yield item


def _describe(context: Context, kind: JobKind, name: str) -> dict[str, Any]:
    return context.aws.read("sagemaker", f"Describe{kind.word}", **kind.named(name))


def _instances(job: dict[str, Any]) -> tuple[str, int]:
    resources = job.get("ResourceConfig") or job["TransformResources"]
    return resources["InstanceType"], resources["InstanceCount"]


def _dollars_per_hour(job: dict[str, Any]) -> float | None:
    instance_type, count = _instances(job)
    price = prices.instance_hour(instance_type)
    return None if price is None else price * count


def _billable_seconds(job: dict[str, Any]) -> float:
    if "BillableTimeInSeconds" in job:
        return float(job["BillableTimeInSeconds"])
    start = job.get("TrainingStartTime") or job.get("TransformStartTime")
    end = job.get("TrainingEndTime") or job.get("TransformEndTime")
    return (end - start).total_seconds() if start and end else 0.0
