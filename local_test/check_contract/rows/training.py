"""Rows about a training job that runs to its end, and about commands that are no job."""

import re

from local_test.check_contract import sources
from local_test.check_contract.engine import mount
from local_test.check_contract.errors import NotStartedError
from local_test.check_contract.exchange import duration
from local_test.check_contract.lab import FinishedJob, Lab
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
from local_test.check_contract.training_job import ADDED_HYPERPARAMETERS, UNDOCUMENTED_FILES, UNKNOWN_CHANNEL

FAILURE_LIMIT = 1024
KILLED = 137
# How much longer than `train` itself an image may take that is given no command, before it is said to do other things.
LATEST_FACTOR, LATEST_SECONDS = 2, 5


def ended_well(found: FinishedJob, seen: str) -> Outcome:
    return passed(seen) if found.exit_status == 0 else failed(f"{seen}: {found.last_words}")


@required(
    "train",
    Mode.TRAINING,
    "`docker run IMAGE train` on an /opt/ml as the platform lays it out ends with status 0.",
    sources.TRAINING_STATUS,
)
def train(lab: Lab) -> Outcome:
    found = lab.trained()
    return ended_well(found, f"exit status {found.exit_status} after {duration(found.seconds)}")


@required(
    "train-model",
    Mode.TRAINING,
    "What the job leaves in /opt/ml/model becomes model.tar.gz; it holds no links.",
    sources.TRAINING_OUTPUT,
)
def model(lab: Lab) -> Outcome:
    job = lab.trained().job
    files = job.files(job.model_dir)
    links = [path.name for path in job.model_dir.rglob("*") if path.is_symlink()]
    names = ", ".join(f"{path.relative_to(job.model_dir)} ({path.stat().st_size} bytes)" for path in files[:4])
    return judged(bool(files) and not links, f"links: {', '.join(links)}" if links else names or "nothing was written")


@required(
    "train-unknown-input",
    Mode.TRAINING,
    "Files, keys and channels that the image does not know are ignored, as are hyperparameters that SageMaker adds.",
    sources.TRAINING_INPUT,
)
def unknown_input(lab: Lab) -> Outcome:
    found = lab.trained()
    given = f"{len(UNDOCUMENTED_FILES)} files, channel {UNKNOWN_CHANNEL}, {', '.join(ADDED_HYPERPARAMETERS)}"
    return ended_well(found, f"{given}: exit status {found.exit_status}")


@required(
    "train-read-only-channels",
    Mode.TRAINING,
    "Channels are read and never written: FastFile mounts them read-only.",
    sources.TRAINING_INPUT,
)
def read_only_channels(lab: Lab) -> Outcome:
    found = lab.trained()
    return ended_well(found, f"channels mounted read-only: exit status {found.exit_status}")


@recommended(
    "train-metric",
    Mode.TRAINING,
    "The objective metric is in the log as a tuning job's regular expression reads it.",
    sources.TUNING,
)
def metric(lab: Lab) -> Outcome:
    pattern = lab.subject.training.metric
    if not pattern:
        return not_applicable("no regular expression was given; give one with --metric")
    values = re.findall(pattern, lab.trained().log)
    return judged(bool(values), f"{pattern!r} found {len(values)} times" + (f", last {values[-1]}" if values else ""))


@required(
    "train-failure-status",
    Mode.TRAINING,
    "A job that cannot be done ends with a status other than 0, by itself.",
    sources.TRAINING_STATUS,
)
def failure_status(lab: Lab) -> Outcome:
    found = failing(lab)
    seen = f"empty channels: exit status {found.exit_status} after {duration(found.seconds)}"
    return judged(found.exit_status not in (0, KILLED), seen)


@recommended(
    "train-failure-file",
    Mode.TRAINING,
    "The reason is in /opt/ml/output/failure, whose first 1024 characters the job's FailureReason shows.",
    sources.TRAINING_STATUS,
)
def failure_file(lab: Lab) -> Outcome:
    text = failing(lab).job.failure()
    begin = text[:FAILURE_LIMIT].strip()
    return judged(
        bool(begin), f"{len(text)} characters: {begin[:100]}" if begin else "no failure file, or an empty one"
    )


@recommended(
    "train-default-command",
    Mode.TRAINING,
    "Without a command the image trains: the local mode of the SDK's ModelTrainer gives none.",
    sources.SDK_TRAIN,
)
def default_command(lab: Lab) -> Outcome:
    named, unnamed = failing(lab), failing_without_command(lab)
    if unnamed is None:
        return failed("still running when `train` had ended long ago")
    same = unnamed.exit_status == named.exit_status and unnamed.job.failure() == named.job.failure()
    told = "the same failure as `train`'s" if same else f"not what `train` does: {unnamed.last_words}"
    return judged(same and unnamed.exit_status != 0, f"exit status {unnamed.exit_status}, {told}")


@recommended(
    "train-clean-up",
    Mode.TRAINING,
    "Any other command runs as it is: the SDK's local mode cleans up with `docker run IMAGE chmod -R 777 /delete`.",
    sources.SDK_IMAGE,
)
def clean_up(lab: Lab) -> Outcome:
    path = lab.new_folder("clean-up") / "model.tar.gz"
    path.touch(mode=0o600)
    with lab.engine.start(
        lab.subject.image, "chmod", "-R", "777", "/delete", options=mount(path.parent, "/delete")
    ) as container:
        if container.wait(60) is None:
            return failed("chmod still ran after 60 s")
        status, words = container.exit_status, container.last_words()
    mode = path.stat().st_mode & 0o777
    return judged(
        status == 0 and mode == 0o777, f"exit status {status}, mode {mode:o}" + (f": {words}" if status else "")
    )


def failing(lab: Lab) -> FinishedJob:
    """A job on empty channels."""
    return lab.once("failing", lambda: fail_twice(lab))[0]


def failing_without_command(lab: Lab) -> FinishedJob | None:
    """The same without a command; None if it does not end."""
    return lab.once("failing", lambda: fail_twice(lab))[1]


def fail_twice(lab: Lab) -> tuple[FinishedJob, FinishedJob | None]:
    """With `train` and with no command, at the same time, as both have to be waited for."""
    named, unnamed = (lab.new_job(name).empty_channels() for name in ("failing", "failing-by-default"))
    with named.start(lab.engine, "train") as first, unnamed.start(lab.engine) as second:
        failed_job = lab.wait_for(named, first)
        try:
            return failed_job, lab.wait_for(
                unnamed, second, seconds=LATEST_FACTOR * failed_job.seconds + LATEST_SECONDS
            )
        except NotStartedError:
            return failed_job, None


fast_file = only_on_aws(
    "train-fast-file",
    Mode.TRAINING,
    "Channels in FastFile mode are streamed from S3 under the same paths.",
    sources.TRAINING_INPUT,
    "the platform mounts S3",
)

ROWS = (
    train,
    model,
    unknown_input,
    read_only_channels,
    metric,
    failure_status,
    failure_file,
    default_command,
    clean_up,
    fast_file,
)
