"""What a build does again: after a change of our code the last layer alone, and the same input makes the same layer."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from build import network_options
from standin_base import build_standin

pytestmark = pytest.mark.docker

PROJECT_DIR = Path(__file__).parents[2]


@pytest.fixture
def copy_dir(tmp_path) -> Path:
    """A copy of what is built, with new times."""
    for name in ("container", "docker"):
        shutil.copytree(PROJECT_DIR / name, tmp_path / name, copy_function=shutil.copyfile)
    shutil.copyfile(PROJECT_DIR / ".dockerignore", tmp_path / ".dockerignore")
    return tmp_path


@pytest.fixture
def build_copy(docker, copy_dir) -> Callable[[], list[str]]:
    """`build_copy()` builds the copy as it is then; the layers that came of it."""

    def build() -> list[str]:
        options = [*network_options(), "--build-arg", f"BASE_IMAGE={build_standin(docker, [])}", "--quiet"]
        dockerfile = str(copy_dir / "docker" / "Dockerfile")
        command = ("build", *docker.build_options, *options, "--tag", "image-classifier:copy", "-f", dockerfile)
        done = docker.run(*command, str(copy_dir))
        assert done.returncode == 0, done.stderr
        return json.loads(docker.run("image", "inspect", "image-classifier:copy").stdout)[0]["RootFS"]["Layers"]

    return build


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture(autouse=True)
def remove_copy(docker):
    yield
    docker.run("image", "rm", "image-classifier:copy")


def what_is_in(layer: Path) -> dict[str, tuple[str, int, float, str]]:
    """Content, mode and time by path. Not of /etc, where the engine puts its own hosts file if the base has none."""
    found = {}
    for path in (layer / "opt").rglob("*"):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(layer))] = (content, status.st_mode, status.st_mtime, str(status.st_uid))
    return found


def test_a_change_of_our_code_makes_one_layer_anew(image, copy_dir, build_copy):
    before = build_copy()
    change(copy_dir / "container" / "contract.py", '"""', '"""Changed. ')
    after = build_copy()
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]


def test_the_same_code_makes_the_same_layer_on_another_day_in_another_folder(
    image, copy_dir, build_copy, layer_folders
):
    build_copy()
    layer = layer_folders("image-classifier:copy")[0]
    before = what_is_in(layer)
    assert any(path.endswith(".pyc") for path in before)
    for path in copy_dir.rglob("*"):
        os.utime(path, (0, 1_000_000_000))
    # Another text of the command, with the same meaning, keeps the engine from taking the layer that it has.
    change(
        copy_dir / "docker" / "Dockerfile", "python -m compileall -q container", "python -m compileall  -q  container"
    )
    build_copy()
    rebuilt = layer_folders("image-classifier:copy")[0]
    assert rebuilt != layer
    assert what_is_in(rebuilt) == before
