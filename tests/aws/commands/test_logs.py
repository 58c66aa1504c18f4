import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.aws.commands.test_train import write_state
from tests.aws.conftest import Result
from tests.aws.gateway import Gateway

Deploy = Callable[..., Result]
GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def job(aws: Gateway) -> str:
    """A training job that has completed, and logged nothing yet."""
    name = "image-classifier-train-1a2b3c4d"
    write_state(training_job=name)
    uri = "s3://bucket/jobs"
    client(aws, "sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        RoleArn="arn:aws:iam::123456789012:role/image-classifier-sagemaker",
        OutputDataConfig={"S3OutputPath": uri},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    return name


def client(aws: Gateway, service: str) -> Any:
    """Past the gateway, so that its calls are not taken for the command's."""
    host, port = aws.moto_address
    return boto3.client(service, endpoint_url=f"http://{host}:{port}", region_name="us-east-1")


def write_log(aws: Gateway, stream: str, *lines: str, age_seconds: int = 1, group: str = GROUP) -> None:
    logs = client(aws, "logs")
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    at = int((time.time() - age_seconds) * 1000)
    events = [{"timestamp": at + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_the_latest_jobs_lines_are_shown_and_no_other_jobs(deploy: Deploy, aws: Gateway, job: str) -> None:
    write_log(aws, f"{job}/algo-1-1795867200", "Epoch 1", "Average loss: 0.5")
    result = deploy("logs")
    assert (result.status, result.out) == (0, "Epoch 1\nAverage loss: 0.5\n"), result.err
    query = next(call.parameters for call in aws.calls if call.operation == "FilterLogEvents")
    assert query["logStreamNamePrefix"] == f"{job}/"  # which the stand-in for CloudWatch does not look at


def test_only_what_is_young_enough_is_shown(deploy: Deploy, aws: Gateway, job: str) -> None:
    write_log(aws, f"{job}/algo-1-1795867200", "old", age_seconds=7200)
    write_log(aws, f"{job}/algo-1-1795867200", "young")
    assert deploy("logs", job, "--since", "1h").out == "young\n"
    assert deploy("logs", job, "--since", "1d").out == "old\nyoung\n"


def test_a_job_is_followed_to_its_end_and_no_line_is_shown_twice(deploy: Deploy, aws: Gateway, job: str) -> None:
    write_log(aws, f"{job}/algo-1-1795867200", "first")
    described = client(aws, "sagemaker").describe_training_job(TrainingJobName=job)
    del described["ResponseMetadata"]
    looks = iter([{"TrainingJobStatus": "InProgress"}] * 3)

    def running(parameters: dict) -> dict:
        change = next(looks, {"TrainingJobStatus": "Completed"})
        if change["TrainingJobStatus"] == "Completed":
            write_log(aws, f"{job}/algo-1-1795867200", "last", age_seconds=0)
        return described | change

    aws.answer("sagemaker", "DescribeTrainingJob", running)
    assert deploy("logs", "--follow").out == "first\nlast\n"


def test_an_unknown_name_and_an_empty_log_are_told(deploy: Deploy, aws: Gateway, job: str) -> None:
    unknown = deploy("logs", "nothing-like-it")
    assert (unknown.status, "no job or endpoint named nothing-like-it" in unknown.err) == (1, True)
    empty = deploy("logs")
    assert (empty.status, f"{job} has logged nothing yet" in empty.err) == (1, True)


def test_without_any_job_the_next_step_is_named(deploy: Deploy) -> None:
    assert "run `python -m deploy train` first" in deploy("logs").err


def test_a_dry_run_asks_nobody(deploy: Deploy, aws: Gateway) -> None:
    assert (deploy("logs", "--dry-run").status, aws.calls) == (0, [])
