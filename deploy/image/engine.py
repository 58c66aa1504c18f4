"""The Docker engine on this machine: which images it has, and a push whose password nobody sees."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deploy.errors import DeployError

NO_ENGINE = ("Cannot connect", "daemon running", "failed to connect")
PLATFORM = "linux/amd64"
STDERR = 2


@dataclass(frozen=True)
class LocalImage:
    name: str
    digest: str  # SHA-256 of its configuration, in hex: Docker's image id
    size: int  # bytes, uncompressed

    @property
    def tag(self) -> str:
        """Its tag in ECR: the same image has the same one, wherever and whenever it is pushed from."""
        return self.digest[:16]


def docker() -> str:
    return os.environ.get("DOCKER", "docker")


def find_image(name: str) -> LocalImage:
    """The image. Raises DeployError if no engine answers, or if it has no such image for SageMaker's machines."""
    try:
        answer = _run("image", "inspect", name)
    except FileNotFoundError as error:
        raise DeployError(f"There is no {docker()!r} command; install Docker, or name it in DOCKER.") from error
    if any(words in answer.stderr for words in NO_ENGINE):
        raise DeployError("No Docker engine answers; start one (`sudo systemctl start docker`).")
    if answer.returncode:
        raise DeployError(f"There is no image {name}; build it with `make build`, or give `--set image=NAME`.")
    found = json.loads(answer.stdout)[0]
    platform = f"{found['Os']}/{found['Architecture']}"
    if platform != PLATFORM:
        raise DeployError(f"Image {name} is for {platform}, but SageMaker's instances need {PLATFORM}; build it there.")
    return LocalImage(name, found["Id"].removeprefix("sha256:"), int(found["Size"]))


def push_image(image: LocalImage, target: str, registry: str, user: str, password: str) -> None:
    """Push the image as `target`, after a login that is gone when this returns. Raises DeployError."""
    with _login(registry, user, password) as environment:
        _check(_run("tag", f"sha256:{image.digest}", target, environment=environment), f"tag {image.name}")
        try:
            # Docker's own progress, for a person; in a log it would be thousands of lines.
            quiet = [] if sys.stderr.isatty() else ["--quiet"]
            _check(_run("push", *quiet, target, stdout=STDERR, environment=environment), f"push {target}")
        finally:
            _run("image", "rm", target, environment=environment)  # the name only; the image keeps its own


@contextmanager
def _login(registry: str, user: str, password: str) -> Iterator[dict[str, str]]:
    """The environment of a client that is logged in. Its configuration is a folder of its own, so that the password
    neither reaches the person's own nor outlives the push."""
    with tempfile.TemporaryDirectory(prefix="docker-login-") as folder:
        environment = {**os.environ, **_engine_address(), "DOCKER_CONFIG": folder}
        arguments = ("login", "--username", user, "--password-stdin", registry)
        _check(_run(*arguments, standard_input=password, environment=environment), f"log in to {registry}")
        yield environment


def _engine_address() -> dict[str, str]:
    """The engine that the person's own configuration chooses, which a client with another would not find."""
    answer = _run("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    address = answer.stdout.strip()
    return {"DOCKER_HOST": address} if answer.returncode == 0 and address else {}


def _run(
    *arguments: str,
    standard_input: str | None = None,
    stdout: int = subprocess.PIPE,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [docker(), *arguments],
        input=standard_input,
        stdin=subprocess.DEVNULL if standard_input is None else None,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        check=False,
    )


def _check(ended: subprocess.CompletedProcess[str], what: str) -> None:
    if ended.returncode:
        said = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DeployError(f"Docker could not {what} ({said}); run the same command again, it goes on where it was.")
