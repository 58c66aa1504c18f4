import json
from collections.abc import Callable

from deploy.policy import execution_policy
from tests.aws.conftest import Result
from tests.aws.gateway import Gateway

ARN = "arn:aws:iam::123456789012:role/image-classifier-sagemaker"


def requests(printed: str) -> list[dict]:
    """The JSON requests that a dry run prints, one after the other."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(printed.rstrip()):
        value, at = decoder.raw_decode(printed, at)
        found.append(value)
        at += len(printed[at:]) - len(printed[at:].lstrip())
    return found


def test_a_dry_run_prints_the_requests_and_asks_nobody(
    deploy: Callable[..., Result], aws: Gateway, monkeypatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    result = deploy("role", "--dry-run")
    assert result.status == 0, result.err
    assert [request["operation"] for request in requests(result.out)] == ["CreateRole", "PutRolePolicy"]
    assert aws.calls == []


def test_the_role_is_made_once_and_its_policy_brought_up_to_date(deploy: Callable[..., Result], aws: Gateway) -> None:
    first = deploy("role")
    assert first.status == 0, first.err
    assert f"Role: {ARN}" in first.out
    assert deploy("role").status == 0
    assert aws.operations().count("iam:CreateRole") == 1
    assert aws.operations().count("iam:PutRolePolicy") == 2


def test_a_role_cut_off_after_its_creation_gets_its_policy_by_the_same_command(
    deploy: Callable[..., Result], aws: Gateway
) -> None:
    aws.fail("iam", "PutRolePolicy", code="AccessDenied", status=403, message="not allowed")
    refused = deploy("role")
    assert refused.status == 1
    assert refused.err.splitlines()[-1] == (
        "role: iam PutRolePolicy in us-east-1 was refused (AccessDenied: not allowed); "
        "give the user or role the permission that it names."
    )
    assert deploy("role").status == 0
    assert aws.operations().count("iam:CreateRole") == 1


def test_a_cut_connection_and_throttling_are_survived(deploy: Callable[..., Result], aws: Gateway) -> None:
    aws.cut("iam", "GetRole")
    aws.fail("iam", "CreateRole", code="Throttling", status=400, times=2)
    aws.fail("iam", "PutRolePolicy", code="InternalFailure", status=500)
    assert deploy("role").status == 0
    assert aws.operations().count("iam:CreateRole") == 3


def test_no_credentials_are_one_sentence(deploy: Callable[..., Result], monkeypatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    result = deploy("role")
    assert (result.status, result.out) == (1, "")
    assert result.err.splitlines()[-1] == (
        "role: There are no AWS credentials; run `aws configure` or set AWS_PROFILE."
    )


def test_an_existing_role_is_left_alone(deploy: Callable[..., Result], aws: Gateway) -> None:
    assert deploy("role", "--set", f"role_arn={ARN}").status == 0
    assert aws.calls == []


def test_the_policy_that_the_person_needs_is_printed_and_nothing_created(
    deploy: Callable[..., Result], aws: Gateway
) -> None:
    result = deploy("role", "--deployer-policy")
    assert result.status == 0, result.err
    policy = json.loads(result.out)
    (passing,) = [part for part in policy["Statement"] if part["Action"] == ["iam:PassRole"]]
    assert passing["Resource"] == ARN
    assert aws.operations() == ["sts:GetCallerIdentity"]


def test_no_action_is_a_wildcard() -> None:
    for statement in execution_policy("dogs", "bucket", "eu-west-1", "123456789012")["Statement"]:
        assert not [action for action in statement["Action"] if "*" in action]
