"""invoke, promote, autoscale, async, status, cost and teardown, on an endpoint that `deploy` has made."""

import io
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.aws.conftest import REGION, Result
from tests.aws.endpoint_project import ANSWER, BUCKET, JPEG, begin_project, read_state, train_again
from tests.aws.endpoint_stub import Endpoints
from tests.aws.gateway import Gateway, RefusalError
from tests.aws.interruption import die_between_changes

Deploy = Callable[..., Result]
ENDPOINT = "image-classifier"


@pytest.fixture
def endpoints(aws: Gateway) -> Endpoints:
    begin_project()
    return Endpoints(aws)


def sent(aws: Gateway, operation: str) -> list[dict[str, Any]]:
    return [call.parameters for call in aws.calls if call.operation == operation]


def say(aws: Gateway, *answers: dict[str, Any]) -> None:
    """What the endpoint will answer; moto keeps a queue."""
    common = {"ContentType": "application/json", "InvokedProductionVariant": "main", "CustomAttributes": ""}
    results = [{"Body": json.dumps(answer), **common} for answer in answers]
    body = json.dumps({"account_id": "123456789012", "region": REGION, "results": results}).encode()
    host, port = aws.moto_address
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/static/sagemaker/endpoint-results", data=body).read()


def test_an_image_is_sent_and_its_labels_come_back(deploy: Deploy, aws: Gateway, endpoints: Endpoints) -> None:
    deploy("deploy")
    say(aws, ANSWER)
    Path("dog.txt").write_bytes(b"RIFF    WEBPVP8 ")  # moto takes only bodies that are text
    result = deploy("invoke", "dog.txt", "--top-k", "2", "--variant", "main")
    assert result.status == 0, result.err
    assert result.out.index("75.00%") < result.out.index("pug")
    assert sent(aws, "InvokeEndpoint")[0]["EndpointName"] == ENDPOINT


def test_a_model_that_refuses_is_quoted(deploy: Deploy, aws: Gateway, endpoints: Endpoints) -> None:
    deploy("deploy")
    Path("dog.jpg").write_bytes(JPEG)

    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        raise RefusalError("ModelError", "Received client error (415) from main")

    aws.answer("sagemaker-runtime", "InvokeEndpoint", refuse)
    result = deploy("invoke", "dog.jpg")
    assert result.status == 1
    assert result.err.startswith("invoke: dog.jpg: ")
    assert "Received client error (415) from main" in result.err


def test_another_model_is_promoted_and_approved_and_can_go_back_once(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    deploy("deploy", "--env", "SERVE_TOP_K=3", "--capture", "5")
    first = endpoints.serving(ENDPOINT)
    train_again(2)
    assert deploy("promote").status == 0
    second = endpoints.serving(ENDPOINT)
    assert second != first
    model = sent(aws, "CreateModel")[-1]
    assert model["PrimaryContainer"]["Environment"] == {"SERVE_TOP_K": "3"}
    assert sent(aws, "CreateEndpointConfig")[-1]["DataCaptureConfig"]["InitialSamplingPercentage"] == 5
    arn = read_state().get("model_package")
    package = boto3.client("sagemaker", region_name=REGION).describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "Approved"
    updates = len(sent(aws, "UpdateEndpoint"))
    assert deploy("promote").status == 0
    assert len(sent(aws, "UpdateEndpoint")) == updates
    for _ in range(2):
        assert deploy("promote", "--rollback").status == 0
        assert endpoints.serving(ENDPOINT) == first
    assert len(sent(aws, "UpdateEndpoint")) == updates + 1


def test_nothing_to_go_back_to_is_a_sentence(deploy: Deploy, aws: Gateway, endpoints: Endpoints) -> None:
    deploy("deploy")
    result = deploy("promote", "--rollback")
    assert result.status == 1
    assert "Nothing is known that image-classifier served before" in result.err


def test_autoscaling_goes_on_and_off_and_an_update_keeps_the_count(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    deploy("deploy")
    for _ in range(2):
        assert deploy("autoscale", "--max", "4", "--target", "70", "--no-scale-in").status == 0
    tracking = sent(aws, "PutScalingPolicy")[-1]["TargetTrackingScalingPolicyConfiguration"]
    assert (tracking["TargetValue"], tracking["DisableScaleIn"]) == (70.0, True)
    train_again(2)
    deploy("promote")
    assert sent(aws, "UpdateEndpoint")[-1]["RetainAllVariantProperties"] is True
    for _ in range(2):
        assert deploy("autoscale", "--off").status == 0
    client = boto3.client("application-autoscaling", region_name=REGION)
    assert client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []


def test_an_asynchronous_endpoint_scales_from_none_and_wakes(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    deploy("deploy", "--asynchronous")
    result = deploy("autoscale")
    assert result.status == 0, result.err
    assert sent(aws, "RegisterScalableTarget")[-1]["MinCapacity"] == 0
    found = boto3.client("cloudwatch", region_name=REGION).describe_alarms(AlarmNames=["image-classifier-async-wake"])
    assert found["MetricAlarms"][0]["MetricName"] == "HasBacklogWithoutCapacity"
    assert found["MetricAlarms"][0]["AlarmActions"][0].startswith("arn:aws:autoscaling")


def test_a_folder_goes_through_the_queue_once(deploy: Deploy, aws: Gateway, endpoints: Endpoints) -> None:
    deploy("deploy", "--asynchronous")
    Path("photos/dogs").mkdir(parents=True)
    for number in range(3):
        Path(f"photos/dogs/{number}.jpg").write_bytes(JPEG + bytes([number]))
    for _ in range(2):
        result = deploy("async", "photos")
        assert result.status == 0, result.err
    assert len(sent(aws, "InvokeEndpointAsync")) == 3
    assert len(list(Path("runs/async/image-classifier-async/dogs").glob("*.jpg.json"))) == 3


def test_status_and_cost_show_what_runs(deploy: Deploy, aws: Gateway, endpoints: Endpoints) -> None:
    deploy("deploy", "--instances", "2")
    status = deploy("status")
    assert status.status == 0, status.err
    for kind in ("endpoint ", "endpoint config", "model ", "model package", "alarm", "bucket"):
        assert kind in status.out, kind
    assert "0.230" in status.out
    cost = deploy("cost")
    assert "Now: $0.230 per hour, $165.60 in 30 days" in cost.out


def build(deploy: Deploy, aws: Gateway) -> None:
    begin_project()
    Endpoints(aws)
    assert deploy("role").status == 0
    assert deploy("deploy").status == 0
    assert deploy("autoscale").status == 0
    boto3.client("s3", region_name=REGION).put_object(Bucket=BUCKET, Key="image-classifier/data/a.jpg", Body=JPEG)


def left(aws: Gateway) -> list[object]:
    backend = Endpoints(aws).backend
    buckets = boto3.client("s3", region_name=REGION).list_buckets()["Buckets"]
    alarms = boto3.client("cloudwatch", region_name=REGION).describe_alarms()["MetricAlarms"]
    roles = boto3.client("iam", region_name=REGION).list_roles()["Roles"]
    kept = [backend.endpoints, backend.endpoint_configs, backend._models, backend.model_packages]
    targets = boto3.client("application-autoscaling", region_name=REGION).describe_scalable_targets(
        ServiceNamespace="sagemaker"
    )
    return [*kept, backend.model_package_groups, buckets, alarms, roles, targets["ScalableTargets"]]


def test_teardown_lists_then_removes_everything_and_the_state(deploy: Deploy, aws: Gateway) -> None:
    build(deploy, aws)
    result = deploy("teardown", "--yes")
    assert result.status == 0, result.err
    assert result.out.index("endpoint config") < result.out.index("Removed:")
    assert not any(left(aws)), left(aws)
    assert not Path(".deploy/image-classifier.json").exists()
    assert "Nothing is left." in deploy("teardown", "--yes").out


def test_teardown_asks_and_without_a_terminal_does_nothing(
    deploy: Deploy, aws: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(deploy, aws)
    monkeypatch.setattr("sys.stdin", io.StringIO("image-classifier\n"))
    result = deploy("teardown")
    assert result.status == 1
    assert "say --yes" in result.err
    assert all(left(aws))


def test_what_cannot_be_removed_is_said_and_the_rest_goes(deploy: Deploy, aws: Gateway) -> None:
    build(deploy, aws)
    aws.fail("sagemaker", "DeleteModel", code="AccessDeniedException", message="no permission")
    result = deploy("teardown", "--yes")
    assert result.status == 1
    assert "Not removed: model image-classifier-model-" in result.err
    assert "no permission" in result.err
    assert [bool(found) for found in left(aws)] == [False, False, True, False, False, False, False, False, False]
    assert deploy("teardown", "--yes").status == 0


def test_data_can_be_kept(deploy: Deploy, aws: Gateway) -> None:
    build(deploy, aws)
    assert deploy("teardown", "--yes", "--keep", "data").status == 0
    assert boto3.client("s3", region_name=REGION).head_object(Bucket=BUCKET, Key="image-classifier/data/a.jpg")


def test_what_is_not_tagged_is_left_alone(deploy: Deploy, aws: Gateway) -> None:
    begin_project()
    boto3.client("s3", region_name=REGION).delete_bucket_tagging(Bucket=BUCKET)
    boto3.client("sagemaker", region_name=REGION).create_model(
        ModelName="image-classifier-of-somebody",
        PrimaryContainer={"Image": "x"},
        ExecutionRoleArn="arn:aws:iam::1:role/abcdefgh",
    )
    assert deploy("teardown", "--yes").status == 0
    assert Endpoints(aws).backend._models
    assert boto3.client("s3", region_name=REGION).list_buckets()["Buckets"]


@pytest.mark.parametrize("command", [["invoke", "a.jpg"], ["promote"], ["promote", "--rollback"], ["autoscale"]])
def test_a_rehearsal_sends_nothing(deploy: Deploy, aws: Gateway, command: list[str]) -> None:
    Path("a.jpg").write_bytes(JPEG)
    result = deploy(*command, "--dry-run")
    assert result.status == 0, result.err
    assert '"operation"' in result.out
    assert aws.calls == []


def test_a_deployment_that_dies_before_any_change_goes_on(
    deploy: Deploy, aws: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin() -> None:
        Path(".deploy/image-classifier.json").unlink(missing_ok=True)
        begin_project()
        Endpoints(aws)

    def check() -> None:
        backend = Endpoints(aws).backend
        made = [backend._models, backend.model_packages, backend.endpoint_configs, backend.endpoints]
        assert [len(found) for found in made] == [1, 1, 1, 1]

    def command() -> int:
        return deploy("deploy").status

    assert die_between_changes(aws, monkeypatch, begin=begin, command=command, check=check) == 8
