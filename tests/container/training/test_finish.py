"""What a job leaves at its end, where that depends on more than the training."""

from collections.abc import Callable

import pytest

from container import contract
from tests.job_folder import FAST, JobFolder


@pytest.mark.parametrize("is_trial", [False, True])
def test_a_model_is_tried_in_fewer_bits_except_in_a_tuning_jobs_trials(
    new_job_folder: Callable[[str], JobFolder], is_trial: bool
) -> None:
    mark = {contract.TUNING_OBJECTIVE: "Average loss"} if is_trial else {}
    folder = new_job_folder("job").configure(precisions="auto", num_epochs=1, **mark)
    folder.add_channels(train=6, valid=3)
    assert FAST["precisions"] == "fp32"  # which this job is not
    folder.train()
    assert ("variants" in folder.metrics) == (not is_trial)
    assert folder.model_path.is_file()
