import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from deploy.checks.check import Check, Verdict, table
from deploy.policy import execution_policy, trust_policy
from tests.aws.conftest import REGION, Result
from tests.aws.gateway import Gateway, RefusalError

Deploy = Callable[..., Result]
DIGEST = f"sha256:{'a' * 64}"
IMAGE_ID = "b" * 64
ROLE = "image-classifier-sagemaker"
BUCKET = "image-classifier-123456789012-us-east-1"
CHANGES = ("Create", "Put", "Delete", "Update", "Tag", "Attach")
ENOUGH = {
    "ml.m5.xlarge for training job usage": 4.0,
    "ml.m5.large for endpoint usage": 2.0,
    "ml.m5.large for transform job usage": 2.0,
}


def lines(printed: str) -> dict[str, str]:
    """Subject -> verdict of the table's lines; of several with one subject the first."""
    found: dict[str, str] = {}
    for line in printed.splitlines():
        for verdict in Verdict:
            subject, separator, _ = line.partition(f"  {verdict}  ")
            if separator:
                found.setdefault(subject.strip(), str(verdict))
    return found


def answer_quotas(aws: Gateway, applied: dict[str, float], default: dict[str, float] | None = None) -> None:
    """Service Quotas, a page of one quota at a time."""

    def answer(values: dict[str, float]) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def page(parameters: dict[str, Any]) -> dict[str, Any]:
            assert parameters["ServiceCode"] == "sagemaker"
            names, at = sorted(values), int(parameters.get("NextToken", 0))
            following = {"NextToken": str(at + 1)} if at + 1 < len(names) else {}
            return {"Quotas": [{"QuotaName": n, "Value": values[n]} for n in names[at : at + 1]], **following}

        return page

    aws.answer("service-quotas", "ListServiceQuotas", answer(applied))
    aws.answer("service-quotas", "ListAWSDefaultServiceQuotas", answer(default or {}))


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that makes the docker client print this, and end well."""

    def put(printed: str) -> None:
        (tmp_path / "answer").write_text(printed)
        script = tmp_path / "docker"
        script.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\n")
        script.chmod(0o755)
        monkeypatch.setenv("DOCKER", str(script))

    return put


@pytest.fixture
def complete(aws: Gateway, deploy: Deploy, client: Callable[[str], None], tmp_path: Path) -> None:
    """An account in which all is there: role, data, image and quotas."""
    client(json.dumps([{"Id": f"sha256:{IMAGE_ID}", "Os": "linux", "Architecture": "amd64", "Size": 2_000_000_000}]))
    (tmp_path / "images/train/a").mkdir(parents=True)
    (tmp_path / "images/train/a/1.jpg").write_bytes(b"x")
    assert deploy("role").status == 0
    assert deploy("upload", "images").status == 0
    path = Path(".deploy/image-classifier.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "image_uri": f"registry/image-classifier@{DIGEST}"}))
    details = {"repositoryName": "image-classifier", "imageDigest": DIGEST, "imageTags": [IMAGE_ID[:16]]}
    aws.answer("ecr", "DescribeImages", lambda _: {"imageDetails": [details]})
    answer_quotas(aws, ENOUGH)
    aws.calls.clear()


def test_where_all_is_there_every_line_is_ok_and_nothing_is_changed(
    deploy: Deploy, aws: Gateway, complete: None
) -> None:
    result = deploy("doctor")
    assert result.status == 0, result.out
    subjects = ["credentials", "region", "local image", "role", "bucket", "data", "image in ECR", "quota"]
    assert lines(result.out) == dict.fromkeys(subjects, "ok")
    assert "Nothing is missing." in result.out
    assert not [call for call in aws.calls if call.operation.startswith(CHANGES)]


def test_in_an_empty_account_each_line_names_the_command_that_mends_it(
    deploy: Deploy, aws: Gateway, monkeypatch
) -> None:
    monkeypatch.setenv("DOCKER", "no-such-program")
    answer_quotas(aws, ENOUGH)
    result = deploy("doctor")
    assert result.status == 1
    assert lines(result.out) == {
        **dict.fromkeys(["credentials", "region", "quota"], "ok"),
        **dict.fromkeys(["local image", "role", "bucket", "data", "image in ECR"], "missing"),
    }
    for command in ("role", "upload FOLDER", "push"):
        assert f"-> python -m deploy {command}\n" in result.out
    assert "install Docker" in result.out
    assert result.err == "doctor: 5 of 10 are missing; mend them from the top down.\n"


def test_without_credentials_that_is_one_line_of_the_table(
    deploy: Deploy, aws: Gateway, complete: None, monkeypatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    result = deploy("doctor")
    assert result.status == 1
    assert result.err == "doctor: 1 of 8 are missing; mend them from the top down.\n"
    assert lines(result.out)["credentials"] == "missing"
    assert lines(result.out)["role"] == "unknown"
    assert "There are no AWS credentials" in result.out
    assert "-> aws configure" in result.out
    assert aws.calls == []


def test_expired_credentials_are_said_once(deploy: Deploy, aws: Gateway, complete: None) -> None:
    aws.fail("sts", "GetCallerIdentity", code="ExpiredToken", status=403, times=20)
    result = deploy("doctor")
    assert result.status == 1
    assert result.out.count("log in again") == 1


def test_a_region_with_a_slip_of_the_pen_is_named_with_the_nearest(deploy: Deploy, aws: Gateway) -> None:
    answer_quotas(aws, ENOUGH)
    result = deploy("doctor", "--set", "region=eu-wst-1")
    assert "no region eu-wst-1 with SageMaker is known" in result.out
    assert "-> --set region=eu-west-1" in result.out
    assert result.status == 1


def test_a_role_whose_policy_is_out_of_date_is_missing(deploy: Deploy, aws: Gateway, complete: None) -> None:
    older = execution_policy("image-classifier", "another-bucket", REGION, "123456789012")
    boto3.client("iam", region_name=REGION).put_role_policy(
        RoleName=ROLE, PolicyName="sagemaker-execution", PolicyDocument=json.dumps(older)
    )
    result = deploy("doctor")
    assert (result.status, lines(result.out)["role"]) == (1, "missing")
    assert f"the policy of {ROLE} is not this version's\n" in result.out
    assert deploy("role").status == deploy("doctor").status == 0


def test_a_role_that_trusts_another_service_is_missing(deploy: Deploy, aws: Gateway, complete: None) -> None:
    other = json.dumps(trust_policy()).replace("sagemaker.", "ec2.")
    boto3.client("iam", region_name=REGION).update_assume_role_policy(RoleName=ROLE, PolicyDocument=other)
    result = deploy("doctor")
    assert (result.status, lines(result.out)["role"]) == (1, "missing")
    assert f"{ROLE} does not trust SageMaker" in result.out


def test_a_role_of_the_settings_is_looked_up_by_its_arn(deploy: Deploy, aws: Gateway, complete: None) -> None:
    arn = "arn:aws:iam::123456789012:role/team/other"
    missing = deploy("doctor", "--set", f"role_arn={arn}")
    assert "there is no role other" in missing.out
    assert "-> correct the setting role_arn" in missing.out


def test_data_that_has_gone_from_s3_is_missing(deploy: Deploy, aws: Gateway, complete: None) -> None:
    boto3.client("s3", region_name=REGION).delete_object(Bucket=BUCKET, Key="image-classifier/data/train/a/1.jpg")
    result = deploy("doctor")
    assert result.status == 1
    assert "holds train 0; uploaded were train 1" in result.out


def test_an_image_that_has_gone_from_ecr_or_changed_at_home_is_missing(
    deploy: Deploy, aws: Gateway, complete: None
) -> None:
    other = {"repositoryName": "image-classifier", "imageDigest": f"sha256:{'c' * 64}"}

    def describe(parameters: dict[str, Any]) -> dict[str, Any]:
        by_tag = "imageTag" in parameters["imageIds"][0]
        return {"imageDetails": [other if by_tag else {**other, "imageDigest": DIGEST}]}

    aws.answer("ecr", "DescribeImages", describe)
    assert "image-classifier:latest has changed since it was pushed" in deploy("doctor").out

    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        raise RefusalError("ImageNotFoundException", "no such image")

    aws.answer("ecr", "DescribeImages", refuse)
    result = deploy("doctor")
    assert (result.status, lines(result.out)["image in ECR"]) == (1, "missing")
    assert f"{DIGEST} is no longer there" in result.out


def test_no_engine_is_needed_once_the_image_is_in_ecr(
    deploy: Deploy, aws: Gateway, complete: None, monkeypatch
) -> None:
    monkeypatch.setenv("DOCKER", "no-such-program")
    result = deploy("doctor")
    assert (result.status, lines(result.out)["local image"]) == (0, "unknown")


def test_a_quota_of_nought_is_named_with_where_to_ask(deploy: Deploy, aws: Gateway, complete: None) -> None:
    answer_quotas(aws, {**ENOUGH, "ml.m5.large for endpoint usage": 0.0})
    result = deploy("doctor")
    assert result.status == 1
    assert "quota         missing  ml.m5.large for endpoint usage: 0\n" in result.out
    assert f"https://{REGION}.console.aws.amazon.com/servicequotas/" in result.out


def test_quotas_that_the_account_never_changed_are_those_of_aws(deploy: Deploy, aws: Gateway, complete: None) -> None:
    spot = "ml.g5.xlarge for spot training job usage"
    answer_quotas(aws, ENOUGH, {spot: 0.0, "ml.m5.large for endpoint usage": 0.0})
    result = deploy("doctor", "--set", "spot=true", "--set", "train_instance_type=ml.g5.xlarge")
    assert f"missing  {spot}: 0\n" in result.out
    assert "ok       ml.m5.large for endpoint usage: 2\n" in result.out


def test_what_may_not_be_seen_is_unknown_and_no_failure(deploy: Deploy, aws: Gateway, complete: None) -> None:
    aws.fail("service-quotas", "ListServiceQuotas", code="AccessDeniedException", message="not allowed")
    result = deploy("doctor")
    assert (result.status, lines(result.out)["quota"]) == (0, "unknown")
    assert "AccessDeniedException: not allowed" in result.out


def test_an_instance_type_that_nobody_lists_is_unknown(deploy: Deploy, aws: Gateway, complete: None) -> None:
    result = deploy("doctor", "--set", "train_instance_type=ml.m5.xlage")
    assert "ml.m5.xlage for training job usage: Service Quotas does not list it" in result.out


def test_throttling_a_5xx_and_a_cut_connection_are_survived(deploy: Deploy, aws: Gateway, complete: None) -> None:
    aws.fail("iam", "GetRole", code="Throttling")
    aws.fail("service-quotas", "ListServiceQuotas", code="ServiceException", status=500)
    aws.cut("s3", "HeadBucket")
    assert deploy("doctor").status == 0


def test_a_dry_run_asks_nobody(deploy: Deploy, aws: Gateway) -> None:
    result = deploy("doctor", "--dry-run")
    assert (result.status, result.out, aws.calls) == (0, "", [])


def test_the_table_keeps_its_columns() -> None:
    checks = [Check("a", Verdict.OK, "fine"), Check("longer", Verdict.MISSING, "gone", "mend it")]
    assert table(checks).splitlines() == [
        "a       ok       fine",
        "longer  missing  gone",
        "                 -> mend it",
    ]
