"""An AWS account on this machine, empty for every test, and the command line that talks to it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.cli import main
from tests.aws import registry as docker_registry
from tests.aws.docker_client import DOCKER, LOCAL, import_image
from tests.aws.gateway import Gateway
from tests.aws.registry import Registry

REGION = "us-east-1"


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    with Gateway() as started:
        yield started


@pytest.fixture
def aws(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """An empty account, reached by boto3 over HTTP; the working directory is the test's own."""
    gateway.reset()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": gateway.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "DEPLOY_POLL_SECONDS": "0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return gateway


@pytest.fixture
def deploy(aws: Gateway, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """`deploy("role", "--dry-run")` is `python -m deploy role --dry-run`, ended."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        status = main(list(arguments))
        printed = capsys.readouterr()
        return Result(status, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def _running_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    if shutil.which(DOCKER) is None or subprocess.run([DOCKER, "version"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers; start one with `sudo systemctl start docker`")
    if not docker_registry.is_installed():
        pytest.skip("there is no docker-registry; install it with `apt-get install docker-registry`")
    with docker_registry.running(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def registry(_running_registry: Registry, aws: Gateway, tmp_path: Path) -> Iterator[Registry]:
    """An empty ECR that takes real images, and an image to push, new for every test."""
    _running_registry.stand_in(aws)
    import_image(str(tmp_path), tmp_path)
    yield _running_registry
    subprocess.run([DOCKER, "image", "rm", "--force", LOCAL], capture_output=True, check=False)
