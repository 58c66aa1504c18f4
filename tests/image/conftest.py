"""The image under test, built once a session as `make build BASE=local` does. Needs a Docker engine."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).parents[2]
# Not a package, as the SageMaker SDK needs the one named docker.
sys.path.append(str(PROJECT_DIR / "docker"))

from engine import Docker, EngineError, find_docker  # noqa: E402

TAG = "image-classifier:test"
COLD_BUILD_SECONDS = 1200  # the first test waits for the stand-in base, which may have to be built


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("docker") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(COLD_BUILD_SECONDS))


@pytest.fixture(scope="session")
def docker() -> Docker:
    try:
        return find_docker()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def build_image() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`build_image("--base", "local")` is docker/build.py with these arguments, ended, all its output in `stdout`."""

    def build(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(PROJECT_DIR / "docker" / "build.py"), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    return build


@pytest.fixture(scope="session")
def image(docker: Docker, build_image: Callable[..., subprocess.CompletedProcess[str]]) -> str:
    """The tag of the freshly built image."""
    build = build_image("--base", "local", "--tag", TAG)
    if build.returncode != 0:
        pytest.fail(f"docker/build.py failed:\n{build.stdout[-3000:]}", pytrace=False)
    return TAG


@pytest.fixture(scope="session")
def inspected(docker: Docker, image: str) -> dict:
    return json.loads(docker.run("image", "inspect", image).stdout)[0]


@pytest.fixture(scope="session")
def run_image(docker: Docker, image: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_image("ls", "-l", options=["--user", "1000"])` is `docker run --rm --user 1000 IMAGE ls -l`, ended."""

    def run(*command: str, options: list[str] | None = None) -> subprocess.CompletedProcess[str]:
        return docker.run("run", "--rm", *(options or []), image, *command, timeout=300)

    return run
