"""The layers above the base hold what runs, and nothing of what made it."""

import json
from pathlib import Path

import pytest

from trim import AWS_DATA_DIRS, AWS_SERVICES, SOURCE_SUFFIXES, TEST_DIRS

pytestmark = pytest.mark.docker

COMPILERS = {"as", "c++", "cc", "cmake", "cpp", "g++", "gcc", "ld", "make", "ninja", "strip", "uv"}
ORPHANS = """
import importlib.util, json, pathlib
found = [path for path in pathlib.Path("/opt").rglob("*.pyc") if path.parent.name == "__pycache__"]
orphans = [str(path) for path in found if not pathlib.Path(importlib.util.source_from_cache(str(path))).exists()]
print(json.dumps([len(found), orphans]))
"""


@pytest.fixture(scope="module")
def paths(our_layers) -> list[Path]:
    """Every file and link of our layers, from the image's root."""
    found = [
        path.relative_to(folder)
        for folder in our_layers
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    ]
    assert len(found) > 5000
    return found


def test_nothing_is_written_outside_the_program_but_the_bytecode_of_the_base_s_packages(paths):
    outside = [path for path in paths if not path.is_relative_to("opt/program")]
    assert [str(path) for path in outside if not path.is_relative_to("opt/venv") or path.suffix != ".pyc"] == []
    assert any("torch" in path.parts for path in outside)


def test_no_mount_point_of_the_build_is_left(our_layers):
    tops = {path.name for folder in our_layers for path in folder.iterdir()}
    assert tops <= {"opt", "tmp", "etc", "run"}  # the last two are the engine's: hosts, and where it lends certificates
    assert [str(path) for folder in our_layers for path in (folder / "tmp").glob("*")] == []


def test_there_is_no_compiler_cache_or_archive_of_a_package(paths):
    assert [str(path) for path in paths if path.name in COMPILERS and "bin" in path.parts] == []
    assert [str(path) for path in paths if {".cache", "pip-cache", ".git"} & set(path.parts)] == []
    suffixes = (".whl", ".tar.gz", ".zip", ".tmp", ".log", ".lock")
    left = {"/".join(path.parts[-2:]) for path in paths if path.name.endswith(suffixes)}
    assert left <= {"zoneinfo/dateutil-zoneinfo.tar.gz", "_vendor/.lock"}  # parts of dateutil and of setuptools


def test_there_is_no_source_in_c_and_no_test(paths):
    assert [str(path) for path in paths if path.suffix in SOURCE_SUFFIXES] == []
    assert [str(path) for path in paths if TEST_DIRS & set(path.parts)] == []


def test_the_only_aws_services_are_those_that_are_kept(our_layers, paths):
    for name in AWS_DATA_DIRS:
        (folder,) = (each for layer in our_layers for each in layer.glob(f"opt/program/venv/lib/python3*/*/{name}"))
        services = {path.name for path in folder.iterdir() if path.is_dir()}
        assert {"s3"} <= services <= AWS_SERVICES


def test_bytecode_belongs_to_a_source(run_image):
    num_files, orphans = json.loads(run_image("python", "-c", ORPHANS).stdout)
    assert num_files > 1000
    assert orphans == []


def test_no_file_gives_rights_away(our_layers):
    modes = {path: path.lstat().st_mode for folder in our_layers for path in (folder / "opt").rglob("*")}
    assert [str(path) for path, mode in modes.items() if mode & 0o6000] == []  # runs as another user
    assert [str(path) for path, mode in modes.items() if mode & 0o002 and not path.is_symlink()] == []  # anyone writes
