import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from smdebug.exceptions import RuleEvaluationConditionMet

from container.debugger.rules.all_zero import AllZero
from container.debugger.rules.base import KEPT_ISSUES, TensorRule
from container.debugger.rules.selection import Moment
from container.debugger.rules.vanishing_gradient import VanishingGradient
from tests.container.debugger.rules.sick_models import LOSSES, balanced, classifier, judge, train


class EveryLoss(TensorRule):
    """A rule that finds something at every step."""

    def look(self, moment: Moment) -> None:
        self.datapoints += 1
        self.accuse(moment, "loss", f"Step {moment.step}.")


@pytest.fixture
def trial(tmp_path: Path) -> Any:
    return train(tmp_path / "run", classifier(), [balanced()] * 4, valid=balanced(), evaluate_every=2)


def test_a_finding_says_where_it_was_made(trial: Any) -> None:
    rule = EveryLoss(trial)
    assert judge(rule) == [0, 1, 2, 3, 4, 5]
    assert rule.issues[2] == {"step": 2, "mode": "EVAL", "mode_step": 0, "tensor": "loss", "message": "Step 2."}
    assert rule.issues[3] == {"step": 3, "mode": "TRAIN", "mode_step": 2, "tensor": "loss", "message": "Step 3."}


def test_a_finding_raises_as_smdebug_expects(trial: Any) -> None:
    with pytest.raises(RuleEvaluationConditionMet, match="EveryLoss at step 1 "):
        EveryLoss(trial).invoke(1)


def test_the_report_has_the_platforms_keys(trial: Any) -> None:
    rule = AllZero(trial, collection_names="losses", threshold="0")
    judge(rule)
    report = rule.report
    assert (report["RuleTriggered"], report["Violations"], report["Datapoints"]) == (6, 6, 6)
    assert report["RuleParameters"].splitlines()[0] == "collection_names:['losses']"
    assert len(json.loads(json.dumps(report["Details"]))["issues"]) == 6


def test_only_the_first_and_the_latest_findings_are_kept(trial: Any) -> None:
    rule = EveryLoss(trial)
    for _ in range(KEPT_ISSUES):
        for step in range(5):
            rule.invoke_at_step(step)
    assert rule.violations == rule.triggered == 5 * KEPT_ISSUES
    assert len(rule.issues) == 2 * KEPT_ISSUES


def test_a_step_that_was_not_saved_is_passed_over(trial: Any) -> None:
    rule = EveryLoss(trial)
    assert not rule.invoke_at_step(99)
    assert rule.datapoints == 0


@pytest.mark.parametrize("kept_bytes", [0, 7, 40])
def test_a_half_written_file_is_passed_over(tmp_path: Path, kept_bytes: int) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 2)
    (damaged,) = (tmp_path / "run" / "events" / "000000000000").iterdir()
    damaged.write_bytes(damaged.read_bytes()[:kept_bytes])
    rule = VanishingGradient(trial, threshold=1000)
    assert judge(rule) == [1]
    assert rule.datapoints == 3


def test_a_file_that_vanished_is_passed_over(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 2)
    (vanished,) = (tmp_path / "run" / "events" / "000000000001").iterdir()
    vanished.unlink()
    assert judge(VanishingGradient(trial, threshold=1000)) == [0]


def test_half_precision_is_widened(trial: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Network_head.weight"
    tensor = trial.tensor(name)
    monkeypatch.setattr(tensor, "value", lambda step: np.full(3, 60000, np.float16))
    value = EveryLoss(trial).value(name, Moment(0, "TRAIN", 0, [name]))
    assert value.dtype == np.float32


@pytest.mark.parametrize("value", ["many", None, ""])
def test_a_parameter_that_cannot_be_read_is_named(trial: Any, value: object) -> None:
    with pytest.raises(ValueError, match=r"VanishingGradient: threshold is '.*'; it must be a number"):
        VanishingGradient(trial, threshold=value)


def test_the_rule_is_called_with_no_action_as_with_an_empty_one(trial: Any) -> None:
    assert judge(VanishingGradient(trial, None)) == judge(VanishingGradient(trial, "", None)) == []  # type: ignore[arg-type]


def test_the_shortfall_is_empty_once_something_was_judged(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()], collections=LOSSES)
    rule = EveryLoss(trial)
    assert rule.shortfall
    judge(rule)
    assert rule.shortfall == ""
