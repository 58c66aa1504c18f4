import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from tests.aws.commands.test_role import requests
from tests.aws.conftest import REGION, Result
from tests.aws.docker_client import DOCKER, LOCAL, docker, import_image, put_client
from tests.aws.gateway import Gateway
from tests.aws.interruption import die_between_changes
from tests.aws.registry import Registry

Deploy = Callable[..., Result]


def push(deploy: Deploy, *arguments: str) -> Result:
    return deploy("push", "--set", f"image={LOCAL}", *arguments)


def state() -> dict:
    path = Path(".deploy/image-classifier.json")
    return json.loads(path.read_text()) if path.exists() else {}


def repository() -> dict:
    return boto3.client("ecr", region_name=REGION).describe_repositories(repositoryNames=["image-classifier"])[
        "repositories"
    ][0]


def local_id() -> str:
    return docker("image", "inspect", "--format", "{{.Id}}", LOCAL).removeprefix("sha256:")


@pytest.fixture
def recorded_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's client behind a script that notes each command line in the file returned."""
    log = tmp_path / "docker.log"
    script = f'printf "%s %s\\n" "$DOCKER_CONFIG" "$*" >> {log}; exec {shutil.which(DOCKER)} "$@"'
    monkeypatch.setenv("DOCKER", put_client(tmp_path / "docker", script))
    return log


def test_a_dry_run_needs_no_engine_and_asks_nobody(deploy: Deploy, aws: Gateway, monkeypatch) -> None:
    monkeypatch.setenv("DOCKER", "no-such-program")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    result = push(deploy, "--dry-run")
    assert result.status == 0, result.err
    assert [request["operation"] for request in requests(result.out)] == ["CreateRepository", "PutLifecyclePolicy"]
    assert "000000000000.dkr.ecr.us-east-1.amazonaws.com/image-classifier:TAG" in result.err
    assert "per GB and month" in result.err
    assert aws.calls == []


@pytest.mark.docker
def test_the_image_arrives_and_its_address_is_noted_by_digest(deploy: Deploy, aws: Gateway, registry: Registry) -> None:
    result = push(deploy)
    assert result.status == 0, result.err
    digest = registry.digest("image-classifier", local_id()[:16])
    assert digest is not None
    assert state()["image_uri"] == f"{registry.host}/image-classifier@{digest}"
    assert f"Image: {registry.host}/image-classifier@{digest}" in result.out
    made = repository()
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    assert made["imageTagMutability"] == "IMMUTABLE"
    policy = boto3.client("ecr", region_name=REGION).get_lifecycle_policy(repositoryName="image-classifier")[
        "lifecyclePolicyText"
    ]
    assert json.loads(policy)["rules"][0]["selection"]["countNumber"] == 10


@pytest.mark.docker
def test_an_image_that_is_there_is_not_pushed_again_and_a_new_one_is(
    deploy: Deploy, aws: Gateway, registry: Registry, recorded_docker: Path, tmp_path: Path
) -> None:
    push(deploy)
    first = state()["image_uri"]
    assert push(deploy).status == 0
    assert state()["image_uri"] == first
    assert recorded_docker.read_text().count(" push ") == 1
    assert aws.operations().count("ecr:CreateRepository") == 1
    import_image("another content", tmp_path)
    assert push(deploy).status == 0
    assert state()["image_uri"] != first
    assert recorded_docker.read_text().count(" push ") == 2


@pytest.mark.docker
def test_the_password_is_in_no_command_line_file_or_output_and_the_login_is_gone(
    deploy: Deploy, aws: Gateway, registry: Registry, recorded_docker: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "own-config"))
    result = push(deploy)
    assert result.status == 0, result.err
    commands = recorded_docker.read_text()
    (folder,) = set(re.findall(r"(\S*docker-login-\S+) push", commands))
    assert not Path(folder).exists()
    assert not (tmp_path / "own-config").exists()
    everywhere = commands + result.out + result.err + json.dumps(state())
    assert registry.password not in everywhere
    assert "docker-login-" in commands  # so that the search has looked at the right thing


@pytest.mark.docker
def test_the_push_leaves_no_name_behind_on_this_machine(deploy: Deploy, registry: Registry) -> None:
    push(deploy)
    assert f"{registry.host}/image-classifier" not in docker("image", "ls", "--format", "{{.Repository}}")
    assert local_id()


@pytest.mark.docker
def test_a_wrong_password_and_a_dead_registry_are_sentences_and_the_next_push_goes_on(
    deploy: Deploy, aws: Gateway, registry: Registry, monkeypatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(registry, "password", "wrong")
        aws.answer("ecr", "DescribeImages", Registry("127.0.0.1:1")._describe)
        aws.fail("ecr", "DescribeImages", code="ImageNotFoundException")
        refused = push(deploy)
    assert refused.status == 1
    assert f"push: Docker could not log in to {registry.host}" in refused.err.splitlines()[-1]
    assert "image_uri" not in state()
    registry.stand_in(aws)
    aws.fail("ecr", "DescribeImages", code="ImageNotFoundException", times=2)
    unlisted = push(deploy)
    assert "after its push; run the same command again." in unlisted.err
    assert push(deploy).status == 0


@pytest.mark.docker
def test_dying_between_any_two_changes_leaves_what_the_same_command_ends(
    deploy: Deploy, aws: Gateway, registry: Registry, monkeypatch
) -> None:
    push(deploy)
    uri = state()["image_uri"]

    def begin() -> None:
        registry.stand_in(aws)
        shutil.rmtree(".deploy", ignore_errors=True)

    def check() -> None:
        assert state()["image_uri"] == uri
        assert repository()["imageTagMutability"] == "IMMUTABLE"
        assert boto3.client("ecr", region_name=REGION).get_lifecycle_policy(repositoryName="image-classifier")

    deaths = die_between_changes(aws, monkeypatch, begin=begin, command=lambda: push(deploy).status, check=check)
    assert deaths == 2


@pytest.mark.docker
def test_a_repository_of_somebody_else_is_left_alone(deploy: Deploy, aws: Gateway, registry: Registry) -> None:
    boto3.client("ecr", region_name=REGION).create_repository(repositoryName="image-classifier")
    refused = push(deploy)
    assert refused.status == 1
    assert "so it is not this project's" in refused.err
    assert "ecr:PutLifecyclePolicy" not in aws.operations()


@pytest.mark.docker
def test_a_repository_made_by_a_try_whose_answer_was_lost_is_taken(
    deploy: Deploy, aws: Gateway, registry: Registry
) -> None:
    push(deploy)
    aws.fail("ecr", "DescribeRepositories", code="RepositoryNotFoundException")
    assert push(deploy).status == 0
    assert aws.operations().count("ecr:CreateRepository") == 2


@pytest.mark.docker
def test_throttling_a_5xx_and_a_cut_connection_are_survived(deploy: Deploy, aws: Gateway, registry: Registry) -> None:
    aws.fail("ecr", "CreateRepository", code="ThrottlingException")
    aws.fail("ecr", "GetAuthorizationToken", code="ServerException", status=500)
    aws.cut("ecr", "PutLifecyclePolicy")
    assert push(deploy).status == 0


@pytest.mark.docker
@pytest.mark.parametrize(
    ("operation", "code", "sentence"),
    [
        ("CreateRepository", "LimitExceededException", "LimitExceededException: made to fail"),
        ("CreateRepository", "AccessDeniedException", "give the user or role the permission"),
        ("GetAuthorizationToken", "ExpiredTokenException", "log in again"),
    ],
)
def test_a_refusal_is_a_sentence(
    deploy: Deploy, aws: Gateway, registry: Registry, monkeypatch, operation: str, code: str, sentence: str
) -> None:
    monkeypatch.setattr("deploy.aws.MAX_ATTEMPTS", 0)
    aws.fail("ecr", operation, code=code)
    refused = push(deploy)
    assert refused.status == 1
    assert sentence in refused.err.splitlines()[-1]


@pytest.mark.docker
def test_a_missing_image_is_a_sentence(deploy: Deploy, aws: Gateway, registry: Registry) -> None:
    missing = deploy("push", "--set", "image=no-such-image:x")
    assert (missing.status, aws.calls) == (1, [])
    assert "There is no image no-such-image:x; build it with `make build`" in missing.err


def test_a_missing_client_and_a_missing_engine_are_sentences(deploy: Deploy, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DOCKER", "no-such-program")
    assert "There is no 'no-such-program' command; install Docker, or name it in DOCKER." in push(deploy).err
    silent = "echo 'Cannot connect to the Docker daemon at unix:///x' >&2; exit 1"
    monkeypatch.setenv("DOCKER", put_client(tmp_path / "client", silent))
    assert "No Docker engine answers" in push(deploy).err


def test_an_image_for_another_kind_of_machine_is_refused_at_home(
    deploy: Deploy, aws: Gateway, tmp_path: Path, monkeypatch
) -> None:
    inspected = json.dumps([{"Id": "sha256:ab", "Os": "linux", "Architecture": "arm64", "Size": 1}])
    monkeypatch.setenv("DOCKER", put_client(tmp_path / "client", f"echo '{inspected}'"))
    refused = push(deploy)
    assert f"Image {LOCAL} is for linux/arm64, but SageMaker's instances need linux/amd64" in refused.err
    assert (refused.status, aws.calls) == (1, [])
