"""What the tests of jobs on cached features share."""

import pytest

from tests.container.training.feature_jobs import EVERY_VIEW, computed, finish, make, start
from tests.job_folder import JobFolder


@pytest.fixture(scope="session")
def cached_job(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A job that has computed its features and trained on them, undisturbed. Read only: tests share it."""
    folder = make(JobFolder(tmp_path_factory.mktemp("cached") / "ml"))
    assert computed(finish(start(folder))) == EVERY_VIEW
    return folder
