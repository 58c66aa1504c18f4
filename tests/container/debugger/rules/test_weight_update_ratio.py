from pathlib import Path

import pytest
from torch import nn

from container.debugger.rules.weight_update_ratio import WeightUpdateRatio
from tests.container.debugger.rules.sick_models import accused, balanced, classifier, judge, train

FAR_TOO_HIGH, FAR_TOO_LOW = 3000, 1e-12


def test_healthy_updates_lie_within_the_limits(tmp_path: Path) -> None:
    rule = WeightUpdateRatio(train(tmp_path / "run", classifier(), [balanced()] * 4))
    assert judge(rule) == []
    assert rule.datapoints == 3 * 3


@pytest.mark.parametrize(("learning_rate", "word"), [(FAR_TOO_HIGH, "times the weight"), (FAR_TOO_LOW, "below 1e-08")])
def test_a_learning_rate_far_off_shows_in_the_updates(tmp_path: Path, learning_rate: float, word: str) -> None:
    rule = WeightUpdateRatio(train(tmp_path / "run", classifier(), [balanced()] * 2, learning_rate=learning_rate))
    assert judge(rule) == [1]
    assert "Network_head.weight" in accused(rule)
    assert word in rule.issues[0]["message"]


def test_num_steps_compares_over_as_many_saved_steps(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 7, learning_rate=0)
    assert judge(WeightUpdateRatio(trial, num_steps="3")) == [3, 6]


def test_frozen_layers_and_evaluations_are_left_alone(tmp_path: Path) -> None:
    model = classifier()
    model.fc1.requires_grad_(False)
    trial = train(tmp_path / "run", model, [balanced()] * 4, valid=balanced(), evaluate_every=1)
    rule = WeightUpdateRatio(trial)
    assert judge(rule) == []
    assert rule.datapoints == 3 * 2


def test_a_layer_that_starts_at_zero_may_leave_it(tmp_path: Path) -> None:
    model = classifier()
    nn.init.zeros_(model.head.weight)
    rule = WeightUpdateRatio(train(tmp_path / "run", model, [balanced()] * 4))
    judge(rule)
    assert rule.datapoints == 3 * 3 - 1
    assert "Network_head.weight" not in accused(rule)


def test_one_saved_step_cannot_be_compared(tmp_path: Path) -> None:
    rule = WeightUpdateRatio(train(tmp_path / "run", classifier(), [balanced()]))
    assert judge(rule) == []
    assert rule.shortfall == "Weights were saved at too few training steps to compare them; save them more often."
