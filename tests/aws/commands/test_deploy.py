import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.aws.conftest import Result
from tests.aws.endpoint_project import BUCKET, MODEL_DATA, begin_project, read_state, train_again, write_run
from tests.aws.endpoint_stub import Endpoints
from tests.aws.gateway import Gateway

Deploy = Callable[..., Result]
ENDPOINT = "image-classifier"
CHANGES = ("Create", "Update", "Delete", "Put")


@pytest.fixture
def endpoints(aws: Gateway) -> Endpoints:
    begin_project()
    aws.calls.clear()
    return Endpoints(aws)


def sent(aws: Gateway, operation: str) -> list[dict[str, Any]]:
    return [call.parameters for call in aws.calls if call.operation == operation]


def created(aws: Gateway) -> list[str]:
    """Changes, without the alarms, which are brought up to date every time."""
    names = [call.operation for call in aws.calls if call.operation.startswith(CHANGES)]
    return [name for name in names if name != "PutMetricAlarm"]


def requests(out: str) -> list[dict[str, Any]]:
    """The requests that a dry run printed."""
    decoder, found, rest = json.JSONDecoder(), [], out.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found


def test_a_dry_run_prints_every_request_and_its_price_and_sends_nothing(
    deploy: Deploy, aws: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    result = deploy("deploy", "--dry-run", "--instances", "2", "--capture", "10", "--approve")
    assert result.status == 0, result.err
    assert [request["operation"] for request in requests(result.out)] == [
        "CreateModel",
        "CreateModelPackageGroup",
        "CreateModelPackage",
        "CreateEndpointConfig",
        "PutMetricAlarm",
        "PutMetricAlarm",
        "CreateEndpoint",
    ]
    assert "2 x ml.m5.large: about $0.23 per hour" in result.err
    assert aws.calls == []
    assert not Path(".deploy").exists()


@pytest.mark.parametrize("options", [["--serverless"], ["--asynchronous"], ["--split", "10"], ["--shadow", "50"]])
def test_every_kind_of_endpoint_can_be_rehearsed(deploy: Deploy, aws: Gateway, options: list[str]) -> None:
    result = deploy("deploy", "--dry-run", *options)
    assert result.status == 0, result.err
    assert "CreateEndpoint" in [request["operation"] for request in requests(result.out)]
    assert aws.calls == []


def test_the_first_run_creates_everything_with_the_tag_and_the_second_nothing(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    first = deploy("deploy")
    assert first.status == 0, first.err
    for operation in ("CreateModel", "CreateModelPackageGroup", "CreateEndpointConfig", "CreateEndpoint"):
        (request,) = sent(aws, operation)
        assert {"Key": "image-classifier-project", "Value": "image-classifier"} in request["Tags"], operation
    assert "Endpoint image-classifier: InService" in first.err
    aws.calls.clear()
    second = deploy("deploy")
    assert (second.status, second.out) == (0, first.out)
    assert created(aws) == []


def test_the_registry_entry_holds_the_metrics_and_waits_for_approval(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    deploy("deploy")
    arn = read_state().get("model_package")
    package = boto3.client("sagemaker", region_name="us-east-1").describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["CustomerMetadataProperties"] == {"Accuracy": "0.9", "Average loss": "0.31"}
    address = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    report = (
        boto3.client("s3", region_name="us-east-1")
        .get_object(Bucket=BUCKET, Key=address.removeprefix(f"s3://{BUCKET}/"))["Body"]
        .read()
    )
    assert json.loads(report)["multiclass_classification_metrics"]["Accuracy"]["value"] == 0.9
    deploy("deploy", "--approve")
    package = boto3.client("sagemaker", region_name="us-east-1").describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "Approved"


def test_a_run_of_this_machine_is_sent_once(deploy: Deploy, aws: Gateway, endpoints: Endpoints, tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "dogs")
    for _ in range(2):
        assert deploy("deploy", "--run", "runs/dogs").status == 0
    archives = [call["Key"] for call in sent(aws, "PutObject") if call["Key"].endswith("model.tar.gz")]
    assert len(archives) == 1
    (model,) = sent(aws, "CreateModel")
    assert model["PrimaryContainer"]["ModelDataUrl"] == f"s3://{BUCKET}/{archives[0]}"
    metadata = sent(aws, "CreateModelPackage")[0]["CustomerMetadataProperties"]
    assert metadata == {"valid_loss": "0.5", "valid_accuracy": "0.8", "data_fingerprint": "abc"}


def test_another_model_takes_over_blue_green_with_canary_alarms_and_way_back(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    deploy("deploy", "--instances", "2")
    before = endpoints.serving(ENDPOINT)
    train_again(2)
    assert deploy("deploy", "--instances", "2", "--step", "25").status == 0
    (update,) = sent(aws, "UpdateEndpoint")
    routing = update["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    assert routing["CanarySize"] == {"Type": "CAPACITY_PERCENT", "Value": 25}
    alarms = {item["AlarmName"] for item in update["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]}
    found = boto3.client("cloudwatch", region_name="us-east-1").describe_alarms(AlarmNames=sorted(alarms))[
        "MetricAlarms"
    ]
    assert {alarm["AlarmName"] for alarm in found} == alarms
    record = read_state().get("endpoints")[ENDPOINT]
    assert record["before"] == [before]
    assert record["config"] == endpoints.serving(ENDPOINT) != before


def test_an_update_that_was_rolled_back_is_said_with_its_reason(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    deploy("deploy", "--instances", "2")
    before = endpoints.serving(ENDPOINT)
    train_again(2)
    endpoints.rollback_reason = "Alarm image-classifier-5xx went off."
    result = deploy("deploy", "--instances", "2")
    assert result.status == 1
    assert "went back to what it served before (Alarm image-classifier-5xx went off)" in result.err
    assert "RollingBack" in result.err
    assert read_state().get("endpoints")[ENDPOINT]["config"] == before
    assert deploy("deploy", "--instances", "2").status == 0
    assert endpoints.serving(ENDPOINT) != before


def test_an_endpoint_that_failed_is_kept_with_its_reason_until_asked_again(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    endpoints.failure_reason = "The primary container did not pass the ping health check."
    for _ in range(2):
        result = deploy("deploy")
        assert result.status == 1
        assert "Failed: The primary container did not pass the ping health check. See" in result.err
    assert sent(aws, "DeleteEndpoint") == []
    assert deploy("deploy", "--again").status == 0
    assert len(sent(aws, "DeleteEndpoint")) == 1


def test_a_candidate_gets_its_share_and_a_second_run_changes_nothing(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    deploy("deploy")
    train_again(2)
    for _ in range(2):
        assert deploy("deploy", "--split", "10").status == 0
    variants = sent(aws, "CreateEndpointConfig")[-1]["ProductionVariants"]
    assert [(item["VariantName"], item["InitialVariantWeight"]) for item in variants] == [
        ("main", 90.0),
        ("candidate", 10.0),
    ]
    assert variants[0]["ModelName"] != variants[1]["ModelName"]
    assert len(sent(aws, "UpdateEndpoint")) == 1


def test_a_shadow_answers_nobody(deploy: Deploy, aws: Gateway, endpoints: Endpoints) -> None:
    deploy("deploy")
    train_again(2)
    assert deploy("deploy", "--shadow", "50").status == 0
    config = sent(aws, "CreateEndpointConfig")[-1]
    assert [item["VariantName"] for item in config["ProductionVariants"]] == ["main"]
    assert [item["InitialVariantWeight"] for item in config["ShadowProductionVariants"]] == [50.0]


def test_serverless_and_asynchronous_endpoints_stand_beside_the_first(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    deploy("deploy", "--serverless", "--memory", "4096", "--max-concurrency", "7")
    deploy("deploy", "--asynchronous", "--error-topic", "arn:aws:sns:us-east-1:123456789012:failures")
    serverless, queued = sent(aws, "CreateEndpointConfig")
    assert serverless["ProductionVariants"][0]["ServerlessConfig"] == {"MemorySizeInMB": 4096, "MaxConcurrency": 7}
    assert queued["AsyncInferenceConfig"]["OutputConfig"] == {
        "S3OutputPath": f"s3://{BUCKET}/image-classifier/async/output",
        "S3FailurePath": f"s3://{BUCKET}/image-classifier/async/failure",
        "NotificationConfig": {"ErrorTopic": "arn:aws:sns:us-east-1:123456789012:failures"},
    }
    assert set(read_state().get("endpoints")) == {"image-classifier-serverless", "image-classifier-async"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--serverless", "--capture", "10"], "serverless endpoint has no --capture"),
        (["--serverless", "--shadow", "10"], "serverless endpoint has no --shadow"),
        (["--serverless", "--instances", "2"], "serverless endpoint has no --instances"),
        (["--serverless", "--memory", "3000"], "--memory is 3000"),
        (["--serverless", "--asynchronous"], "not both"),
        (["--shift", "canary"], "there is 1; use --instances 2"),
        (["--instances", "2", "--step", "60"], "--step is 60; a canary step is 1 to 50 percent"),
        (["--instances", "0"], "--instances is 0"),
        (["--split", "100"], "--split is 100"),
        (["--capture", "101"], "--capture is 101"),
        (["--error-topic", "arn:aws:sns:x"], "add --asynchronous"),
        (["--env", "SERVE_TOPK=3"], "use SERVE_TOP_K"),
        (["--env", "TOP_K=3"], "it must be SERVE_NAME=VALUE"),
        (["--run", "nowhere"], "holds no model/model.pt"),
    ],
)
def test_what_sagemaker_would_refuse_is_refused_before_any_change(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints, options: list[str], words: str
) -> None:
    result = deploy("deploy", *options)
    assert result.status == 1
    assert words in result.err
    assert created(aws) == []


def test_without_a_trained_model_the_command_that_makes_one_is_named(deploy: Deploy, aws: Gateway) -> None:
    result = deploy("deploy")
    assert result.status == 1
    assert "run `python -m deploy train` first" in result.err


def test_an_endpoint_of_somebody_else_is_left_alone(deploy: Deploy, aws: Gateway, endpoints: Endpoints) -> None:
    deploy("deploy")
    arn = endpoints.backend.endpoints[ENDPOINT].arn
    boto3.client("sagemaker", region_name="us-east-1").delete_tags(
        ResourceArn=arn, TagKeys=["image-classifier-project"]
    )
    train_again(2)
    result = deploy("deploy")
    assert result.status == 1
    assert "it is not this project's" in result.err
    assert sent(aws, "UpdateEndpoint") == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ExpiredTokenException", "log in again"),
        ("AccessDeniedException", "give the user or role the permission"),
        ("ResourceLimitExceeded", "ask for a higher quota"),
    ],
)
def test_a_refusal_ends_in_a_sentence(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints, code: str, words: str
) -> None:
    aws.fail("sagemaker", "CreateEndpoint", code=code)
    result = deploy("deploy")
    assert result.status == 1
    assert words in result.err
    assert "Traceback" not in result.err


def test_throttling_a_failing_server_and_a_cut_connection_are_survived(
    deploy: Deploy, aws: Gateway, endpoints: Endpoints
) -> None:
    aws.fail("sagemaker", "CreateModel")
    aws.fail("sagemaker", "CreateEndpointConfig", code="InternalFailure", status=500)
    aws.cut("sagemaker", "CreateEndpoint")
    assert deploy("deploy").status == 0
    assert endpoints.serving(ENDPOINT)


def test_a_lost_answer_creates_nothing_twice(deploy: Deploy, aws: Gateway, endpoints: Endpoints) -> None:
    """AWS made the config, its answer was lost, and boto3's second request is told that the name is taken."""
    deploy("deploy")
    aws.fail("sagemaker", "DescribeEndpointConfig", code="ValidationException", message="Could not find it")
    aws.fail("sagemaker", "CreateEndpointConfig", code="ValidationException", message="Cannot create already existing")
    assert deploy("deploy").status == 0
    assert len(endpoints.backend.endpoint_configs) == 1


def test_model_data_of_the_state_is_what_the_endpoint_gets(deploy: Deploy, aws: Gateway, endpoints: Endpoints) -> None:
    deploy("deploy", "--env", "SERVE_TOP_K=3")
    (model,) = sent(aws, "CreateModel")
    assert model["PrimaryContainer"]["ModelDataUrl"] == MODEL_DATA
    assert model["PrimaryContainer"]["Environment"] == {"SERVE_TOP_K": "3"}
