"""The image under test, built once a session as `make build BASE=local` does. Needs a Docker engine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).parents[2]
# Not a package, as the SageMaker SDK needs the one named docker.
sys.path.append(str(PROJECT_DIR / "docker"))

from engine import Docker, EngineError, find_docker  # noqa: E402
from standin_base import build_standin  # noqa: E402

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


@pytest.fixture(scope="session")
def layer_folders(docker: Docker) -> Callable[[str], list[Path]]:
    """`layer_folders(TAG)`: the folders of the layers above the stand-in, the last first, in the engine's own storage.

    `docker save` would do for any user, but takes a minute or two and 7 GB of disk, mostly for the base's torch.
    """
    base = json.loads(docker.run("image", "inspect", build_standin(docker, [])).stdout)[0]["RootFS"]["Layers"]

    def find(tag: str) -> list[Path]:
        inspected = json.loads(docker.run("image", "inspect", tag).stdout)[0]
        layers = inspected["RootFS"]["Layers"]
        assert layers[: len(base)] == base
        data = inspected.get("GraphDriver", {}).get("Data") or {}
        folders = [Path(text) for text in [data.get("UpperDir", ""), *data.get("LowerDir", "").split(":")]]
        ours = folders[: len(layers) - len(base)]
        overlay = inspected.get("GraphDriver", {}).get("Name") == "overlay2"
        if not overlay or not all(os.access(folder, os.R_OK) for folder in ours):
            pytest.skip("the engine's layers are not readable here; run as root beside an engine with overlay2 storage")
        return ours

    return find


@pytest.fixture(scope="session")
def our_layers(layer_folders: Callable[[str], list[Path]], image: str) -> list[Path]:
    return layer_folders(image)
