"""The whole story, command after command: from a folder of images to an endpoint and back to an empty account."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from deploy.policy import deployer_policy, execution_policy
from tests.aws.commands.test_endpoint_story import say
from tests.aws.conftest import REGION, Result
from tests.aws.docker_client import LOCAL
from tests.aws.endpoint_project import ANSWER
from tests.aws.endpoint_stub import Endpoints
from tests.aws.gateway import Call, Gateway
from tests.aws.jobs_stub import JobsStub, archive
from tests.aws.registry import Registry
from tests.aws.uploaded import BUCKET, make_images

ACCOUNT, PROJECT = "123456789012", "image-classifier"
METRICS = {"valid": {"loss": 0.25, "accuracy": 0.9}, "test": {"loss": 0.3, "accuracy": 0.88}, "history": []}
IAM_SERVICES = {"sagemaker-runtime": "sagemaker", "service-quotas": "servicequotas"}
# Where IAM's name is not the operation's. Source: Service Authorization Reference, actions for S3.
IAM_ACTIONS = {
    **dict.fromkeys(("s3:HeadBucket", "s3:ListObjectsV2", "s3:ListObjects"), "s3:ListBucket"),
    **dict.fromkeys(("s3:HeadObject",), "s3:GetObject"),
    **dict.fromkeys(("s3:CreateMultipartUpload", "s3:UploadPart", "s3:CompleteMultipartUpload"), "s3:PutObject"),
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListParts": "s3:ListMultipartUploadParts",
}


def action_of(call: Call) -> str:
    """The IAM action that a call needs."""
    name = f"{IAM_SERVICES.get(call.service, call.service)}:{call.operation}"
    return IAM_ACTIONS.get(name, name)


def left_in_the_account() -> dict[str, list[Any]]:
    """Everything that exists, by kind; jobs that are over cannot be deleted and cost nothing."""

    def client(service: str) -> Any:
        return boto3.session.Session().client(service, region_name=REGION)

    sagemaker = client("sagemaker")
    return {
        "endpoints": sagemaker.list_endpoints()["Endpoints"],
        "endpoint configs": sagemaker.list_endpoint_configs()["EndpointConfigs"],
        "models": sagemaker.list_models()["Models"],
        "model packages": sagemaker.list_model_packages(ModelPackageGroupName=PROJECT)["ModelPackageSummaryList"],
        "model package groups": sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"],
        "alarms": client("cloudwatch").describe_alarms()["MetricAlarms"],
        "targets": client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")[
            "ScalableTargets"
        ],
        "repositories": client("ecr").describe_repositories()["repositories"],
        "buckets": client("s3").list_buckets()["Buckets"],
        "roles": client("iam").list_roles()["Roles"],
    }


@pytest.mark.docker
def test_from_a_folder_to_an_endpoint_and_back_to_an_empty_account(
    deploy: Callable[..., Result], aws: Gateway, registry: Registry, tmp_path: Path
) -> None:
    endpoints, jobs = Endpoints(aws), JobsStub(aws)
    output = archive({"metrics.json": json.dumps(METRICS).encode()})
    jobs.results = {"output/output.tar.gz": output, "output/model.tar.gz": archive({"model.pt": b"weights"})}

    def done(*arguments: str) -> Result:
        result = deploy(*arguments)
        assert result.status == 0, f"{arguments}: {result.err}"
        return result

    done("role")
    done("upload", str(make_images(tmp_path / "images")))
    done("push", "--set", f"image={LOCAL}")
    done("tune", "--jobs", "3")
    done("train", "-p", "num_epochs=2")
    done("deploy", "--instances", "2", "--capture", "10")
    first = endpoints.serving(PROJECT)

    say(aws, ANSWER)
    Path("dog.txt").write_bytes(b"RIFF    WEBPVP8 ")  # moto takes only bodies that are text
    assert "poodle" in done("invoke", "dog.txt").out

    done("train", "-p", "num_epochs=3")
    done("promote")
    assert endpoints.serving(PROJECT) != first
    done("promote", "--rollback")
    assert endpoints.serving(PROJECT) == first
    done("autoscale", "--max", "4")
    assert PROJECT in done("status").out

    assert [kind for kind, found in left_in_the_account().items() if not found] == []
    done("teardown", "--yes")
    assert {kind: found for kind, found in left_in_the_account().items() if found} == {}
    assert not list(Path(".deploy").glob("*.json"))
    assert_allowed(aws.calls)


def assert_allowed(calls: list[Call]) -> None:
    """Every action of the story is in the deployer's policy, and no policy has a wildcard action."""
    own = (PROJECT, BUCKET, REGION, ACCOUNT)
    policies = [deployer_policy(*own), execution_policy(*own)]
    actions = [{action for part in policy["Statement"] for action in part["Action"]} for policy in policies]
    assert not [action for action in actions[0] | actions[1] if "*" in action]
    # The test's own look at the account is not the story's.
    looked = {"s3:ListBuckets", "iam:ListRoles"}
    assert {action_of(call) for call in calls} - actions[0] - looked == set()
