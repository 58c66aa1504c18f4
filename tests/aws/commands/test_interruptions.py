"""Commands on an endpoint that die before any of their changes: run again, each comes to the same end."""

from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from deploy import names
from tests.aws.commands.test_endpoint_story import ENDPOINT, build, left
from tests.aws.conftest import REGION, Result
from tests.aws.endpoint_project import begin_project, read_state, train_again
from tests.aws.endpoint_stub import Endpoints
from tests.aws.gateway import Gateway
from tests.aws.interruption import die_between_changes

Deploy = Callable[..., Result]


def begin_anew() -> None:
    Path(".deploy/image-classifier.json").unlink(missing_ok=True)
    begin_project()


def test_a_promotion_goes_on(deploy: Deploy, aws: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin() -> None:
        begin_anew()
        Endpoints(aws)
        assert deploy("deploy").status == 0
        train_again(2)

    def check() -> None:
        backend = Endpoints(aws).backend
        made = [backend._models, backend.model_packages, backend.endpoint_configs, backend.endpoints]
        assert [len(found) for found in made] == [2, 2, 2, 1]
        assert backend.endpoints[ENDPOINT].endpoint_config_name == read_state().get("endpoints")[ENDPOINT]["config"]

    def command() -> int:
        return deploy("promote").status

    assert die_between_changes(aws, monkeypatch, begin=begin, command=command, check=check) > 3


def test_autoscaling_goes_on(deploy: Deploy, aws: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin() -> None:
        begin_anew()
        Endpoints(aws)
        assert deploy("deploy").status == 0

    def check() -> None:
        client = boto3.client("application-autoscaling", region_name=REGION)
        (target,) = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        assert target["MaxCapacity"] == 4
        assert len(client.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]) == 1

    def command() -> int:
        return deploy("autoscale", "--max", "4").status

    assert die_between_changes(aws, monkeypatch, begin=begin, command=command, check=check) == 2


def test_a_teardown_goes_on_until_nothing_is_left(
    deploy: Deploy, aws: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin() -> None:
        Path(".deploy/image-classifier.json").unlink(missing_ok=True)
        build(deploy, aws)

    def check() -> None:
        assert not any(left(aws)), left(aws)
        assert not Path(".deploy/image-classifier.json").exists()

    def command() -> int:
        return deploy("teardown", "--yes").status

    assert die_between_changes(aws, monkeypatch, begin=begin, command=command, check=check) > 8


def test_a_teardown_stops_the_jobs_that_run_and_removes_the_repository(deploy: Deploy, aws: Gateway) -> None:
    begin_project()
    stopped: list[str] = []

    def stop(parameters: dict) -> dict:
        stopped.append(parameters["TrainingJobName"])
        return {}

    Endpoints(aws)
    aws.answer("sagemaker", "StopTrainingJob", stop)
    job = {"TrainingJobName": "image-classifier-train-1", "TrainingJobStatus": "InProgress"}
    arn = f"arn:aws:sagemaker:{REGION}:123456789012:training-job/{job['TrainingJobName']}"
    summary = {**job, "TrainingJobArn": arn, "CreationTime": 1_790_000_000}

    def listed(parameters: dict) -> dict:
        runs = parameters.get("StatusEquals") == "InProgress" and not stopped
        return {"TrainingJobSummaries": [summary] if runs else []}

    aws.answer("sagemaker", "ListTrainingJobs", listed)
    described = {
        **summary,
        "SecondaryStatus": "Training",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/model.tar.gz"},
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 30, "InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    aws.answer(
        "sagemaker", "DescribeTrainingJob", lambda _: described | ({"TrainingJobStatus": "Stopped"} if stopped else {})
    )
    aws.answer("sagemaker", "ListTags", lambda _: {"Tags": names.tags("image-classifier")})
    ecr = boto3.client("ecr", region_name=REGION)
    ecr.create_repository(repositoryName="image-classifier", tags=names.tags("image-classifier"))
    result = deploy("teardown", "--yes")
    assert result.status == 0, result.err
    assert stopped == ["image-classifier-train-1"]
    assert ecr.describe_repositories()["repositories"] == []
