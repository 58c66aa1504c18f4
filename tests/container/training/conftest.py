"""What the tests of jobs that are cut off, and of those on cached features, share."""

import pytest

from tests.container.training.feature_jobs import EVERY_VIEW, computed, finish, make, start
from tests.container.training.resumed_jobs import make_job
from tests.job_folder import JobFolder


@pytest.fixture(scope="session")
def cached_job(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A job that has computed its features and trained on them, undisturbed. Read only: tests share it."""
    folder = make(JobFolder(tmp_path_factory.mktemp("cached") / "ml"))
    assert computed(finish(start(folder))) == EVERY_VIEW
    return folder


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """The job of resumed_jobs.py that nobody disturbs. Read only: tests share it."""
    folder = make_job(JobFolder(tmp_path_factory.mktemp("undisturbed") / "ml"))
    process = folder.start()
    assert process.wait() == 0, process.output
    return folder
