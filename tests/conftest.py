"""What the tests of training share: an empty /opt/ml and one job that has been trained."""

import os

# Before torch is imported: by default its threads spin while they wait, which makes a busy machine five times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import contextlib
import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from tests.job_folder import PROJECT_DIR, JobFolder

# These take a minute or more each, though they hold few tests; so do those that need Docker.
LONGEST = (
    "local_test/test_demo.py",
    "notebooks/test_aws_mode.py",
    "notebooks/test_local_mode.py",
    "image/test_contract.py",
    "docs/test_extend.py",
    "local_test/test_tune.py",
)

# Times differ from machine to machine, and a test must not fail on one of two runs.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("steady")


class ByFile(LoadFileScheduling):
    """Tests of a file run in one process, which shares its fixtures; so do all that need the one Docker engine."""

    def _split_scope(self, nodeid: str) -> str:
        name = nodeid.partition("::")[0]
        return "docker" if needs_docker(PROJECT_DIR / name) else name


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    config.option.loadscopereorder = False  # by the number of tests, which says little of how long they take
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no process works alone at the end."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST))


@functools.cache
def needs_docker(path: Path) -> bool:
    return path.is_relative_to(PROJECT_DIR / "tests" / "image") or "mark.docker" in path.read_text()


@pytest.fixture
def job_folder(tmp_path: Path) -> JobFolder:
    """An /opt/ml with no data and no configuration."""
    return JobFolder(tmp_path / "ml")


@pytest.fixture
def new_job_folder(tmp_path: Path) -> Callable[[str], JobFolder]:
    """A function: name -> another empty /opt/ml."""
    return lambda name: JobFolder(tmp_path / name)


@dataclass(frozen=True)
class TrainedJob:
    folder: JobFolder
    output: str  # what the training process printed


@pytest.fixture(scope="session")
def trained_job(tmp_path_factory: pytest.TempPathFactory) -> TrainedJob:
    """A job of three classes that has run to its end in this process. Read only: tests share it."""
    folder = JobFolder(tmp_path_factory.mktemp("trained") / "ml")
    folder.configure(backbone="resnet18", fine_tune="head", head="linear", learning_rate=0.01, num_epochs=4)
    folder.add_channels(train=10, valid=4, test=5)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        folder.train()
    return TrainedJob(folder, output.getvalue())
