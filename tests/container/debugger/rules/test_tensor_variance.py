from pathlib import Path
from typing import Any

import pytest
import torch

from container.debugger.rules.tensor_variance import TensorVariance
from tests.container.debugger.rules.sick_models import accused, balanced, classifier, judge, train

WEIGHTS = [("weights", "")]


def scaled(factor: float) -> Any:
    """A classifier whose head's weights are some times as large."""
    model = classifier()
    with torch.no_grad():
        model.head.weight.mul_(factor)
    return model


@pytest.mark.parametrize(("factor", "limits"), [(100, {"max_threshold": "1"}), (0.001, {"min_threshold": "1e-4"})])
def test_weights_that_vary_too_much_or_too_little_are_found(
    tmp_path: Path, factor: float, limits: dict[str, str]
) -> None:
    sick = TensorVariance(train(tmp_path / "sick", scaled(factor), [balanced()], collections=WEIGHTS), **limits)
    assert judge(sick) == [0]
    assert accused(sick) == {"Network_head.weight"}
    healthy = TensorVariance(train(tmp_path / "healthy", scaled(1), [balanced()], collections=WEIGHTS), **limits)
    assert judge(healthy) == []
    assert healthy.datapoints == 3


@pytest.mark.parametrize("reduction", ["variance", "std"])
def test_a_stored_variance_or_deviation_is_enough(tmp_path: Path, reduction: str) -> None:
    trial = train(tmp_path / "run", scaled(100), [balanced()], collections=WEIGHTS, reductions=[(reduction, False)])
    rule = TensorVariance(trial, max_threshold=1)
    assert judge(rule) == [0]
    assert accused(rule) == {"Network_head.weight"}


def test_without_a_limit_it_says_that_it_needs_one(tmp_path: Path) -> None:
    rule = TensorVariance(train(tmp_path / "run", scaled(1), [balanced()], collections=WEIGHTS), max_threshold="None")
    assert judge(rule) == []
    assert rule.shortfall == "TensorVariance has no limit to judge by; set max_threshold or min_threshold."
