from pathlib import Path
from typing import Any

import pytest

from container.debugger.rules.stalled_training import StalledTraining
from tests.container.debugger.rules.sick_models import LOSSES, balanced, classifier, judge, train


@pytest.fixture
def trial(tmp_path: Path) -> Any:
    return train(tmp_path / "run", classifier(), [balanced()] * 3, collections=LOSSES)


def test_a_job_that_goes_on_saving_is_healthy(trial: Any) -> None:
    rule = StalledTraining(trial)
    assert judge(rule) == []
    assert not rule.idle(1799)
    assert rule.datapoints == 3


def test_a_stall_is_told_once_and_names_the_latest_step(trial: Any) -> None:
    rule = StalledTraining(trial, threshold="60")
    judge(rule)
    assert rule.idle(61)
    assert not rule.idle(120)
    assert rule.triggered == rule.report["RuleTriggered"] == 1
    assert rule.issues == [
        {
            "step": 2,
            "mode": "TRAIN",
            "mode_step": 2,
            "tensor": "",
            "message": "No tensor has been saved for 61 seconds; the limit is 60.",
        }
    ]


def test_a_second_stall_is_another_one(trial: Any) -> None:
    rule = StalledTraining(trial, threshold=60)
    rule.invoke_at_step(0)
    assert rule.idle(61)
    rule.invoke_at_step(1)
    assert rule.idle(61)
    assert rule.triggered == 2


def test_a_job_that_never_saves_anything_stalls_too(trial: Any) -> None:
    rule = StalledTraining(trial, threshold=60)
    assert rule.idle(61)
    assert rule.issues[0]["mode_step"] == -1
    assert rule.datapoints == 1


def test_whether_to_stop_the_job_may_be_text(trial: Any) -> None:
    rule = StalledTraining(trial, stop_training_on_fire="true", training_job_name_prefix="job-a")
    assert rule.stop_training_on_fire is True
    assert rule.parameters["training_job_name_prefix"] == "job-a"
