"""Rows about a training job that is stopped, and goes on from its checkpoints."""

import re
import shutil
import time
from dataclasses import dataclass

from local_test.check_contract import sources
from local_test.check_contract.engine import Container
from local_test.check_contract.errors import NotApplicableError
from local_test.check_contract.exchange import duration
from local_test.check_contract.lab import Lab
from local_test.check_contract.row import (
    Mode,
    Outcome,
    failed,
    judged,
    not_applicable,
    only_on_aws,
    passed,
    recommended,
    required,
)
from local_test.check_contract.training_job import TrainingJob

GRACE_SECONDS = 120
WORK_SECONDS = 60  # given to a job until it has written something worth keeping
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class StoppedJob:
    job: TrainingJob
    seconds: float | None  # from SIGTERM until it ended; None: it had to be killed
    exit_status: int | None


@required(
    "train-stop-in-time",
    Mode.TRAINING,
    "On SIGTERM (StopTrainingJob, a run time that is over, early stopping) the job ends within 120 s.",
    sources.TRAINING_IMAGE,
)
def in_time(lab: Lab) -> Outcome:
    found = stopped(lab)
    if found.seconds is None:
        return failed(f"still running {GRACE_SECONDS} s after SIGTERM")
    return passed(f"exit status {found.exit_status}, {duration(found.seconds)} after SIGTERM")


@required(
    "train-stop-keeps-work",
    Mode.TRAINING,
    "A job that is stopped leaves its model so far, or a checkpoint.",
    sources.TRAINING_IMAGE,
)
def keeps_work(lab: Lab) -> Outcome:
    job = stopped(lab).job
    models, checkpoints = job.files(job.model_dir), job.files(job.checkpoint_dir)
    seen = f"{len(models)} files in /opt/ml/model, {len(checkpoints)} in /opt/ml/checkpoints"
    return judged(bool(models or checkpoints), seen)


@recommended(
    "train-resume",
    Mode.TRAINING,
    "A job that finds checkpoints in /opt/ml/checkpoints goes on from them: managed spot training starts it anew.",
    sources.CHECKPOINTS,
)
def resume(lab: Lab) -> Outcome:
    before = stopped(lab).job
    if not before.files(before.checkpoint_dir):
        return not_applicable("the stopped job has left no checkpoint")
    again = lab.new_job("resumed", lab.subject.training.endless)
    # As restored from S3, into an otherwise new /opt/ml.
    shutil.copytree(before.checkpoint_dir, again.checkpoint_dir, dirs_exist_ok=True)
    with again.start(lab.engine, "train") as container:
        line = wait_for_line(container, lab.subject.training.resumed, WORK_SECONDS)
        if line is None:
            return failed(f"no line like {lab.subject.training.resumed!r} in its log; set another with --resumed")
    return passed(f"its log: {line}")


def stopped(lab: Lab) -> StoppedJob:
    return lab.once("stopped job", lambda: stop(lab))


def stop(lab: Lab) -> StoppedJob:
    """A job that got SIGTERM once it had written something, or after a minute. Raises NotApplicableError."""
    job = lab.new_job("stopped", lab.subject.training.endless)
    with job.start(lab.engine, "train") as container:
        wait_for_work(container, job, lab.subject.training.metric)
        if not container.running:
            raise NotApplicableError(
                f"the job was over before it could be stopped (exit status {container.exit_status}); make it longer "
                "with --endless"
            )
        started = time.monotonic()
        container.signal("TERM")
        if container.wait(GRACE_SECONDS) is None:
            return StoppedJob(job, None, None)
        return StoppedJob(job, time.monotonic() - started, container.exit_status)


def wait_for_work(container: Container, job: TrainingJob, metric: str) -> None:
    """Until the job has written something and its metric is in the log, which says that an epoch is over."""
    deadline = time.monotonic() + WORK_SECONDS
    if metric:
        wait_for_line(container, metric, WORK_SECONDS)
    while time.monotonic() < deadline and container.running:
        if job.files(job.checkpoint_dir) or job.files(job.model_dir):
            return
        time.sleep(LOOK_SECONDS)


def wait_for_line(container: Container, pattern: str, seconds: float) -> str | None:
    """The first line of the log that matches; None if there is none before the job's end, or for that long."""
    deadline = time.monotonic() + seconds
    while True:
        going_on = container.running and time.monotonic() < deadline
        lines = [line for text in container.logs() for line in text.splitlines()]
        found = next((line for line in lines if re.search(pattern, line)), None)
        if found is not None or not going_on:
            return found
        time.sleep(LOOK_SECONDS)


spot = only_on_aws(
    "train-spot",
    Mode.TRAINING,
    "Checkpoints are copied to S3 while the job runs, and back before it starts again after an interruption.",
    sources.SPOT,
    "the platform copies to and from S3",
)

ROWS = (in_time, keeps_work, resume, spot)
