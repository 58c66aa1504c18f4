"""What the tests of training share: an empty /opt/ml and one job that has been trained."""

import os

# Before torch is imported: by default its threads spin while they wait, which makes a busy machine five times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from tests.job_folder import JobFolder

# Times differ from machine to machine, and a test must not fail on one of two runs.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a file run in one process, which shares its fixtures; so do all that need the one Docker engine."""
    for item in items:
        is_docker = item.get_closest_marker("docker") or "image" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("docker" if is_docker else str(item.path)))


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
