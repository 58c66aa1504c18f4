from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from container.debugger.rules.all_zero import AllZero
from tests.container.debugger.rules.sick_models import LOSSES, accused, balanced, classifier, judge, train


@pytest.fixture
def zeroed() -> nn.Module:
    """A hidden layer that starts at zero: it stays there, as do the gradients before it."""
    model = classifier()
    nn.init.zeros_(model.fc2.weight)
    nn.init.zeros_(model.fc2.bias)
    return model


def test_a_layer_initialised_with_zeros_passes_no_gradient(tmp_path: Path, zeroed: nn.Module) -> None:
    rule = AllZero(train(tmp_path / "run", zeroed, [balanced()] * 3), collection_names="gradients")
    assert judge(rule) == [0, 1, 2]
    assert "gradient/Network_fc1.weight" in accused(rule)
    assert "gradient/Network_head.bias" not in accused(rule)


def test_a_healthy_network_has_gradients_everywhere(tmp_path: Path) -> None:
    rule = AllZero(train(tmp_path / "run", classifier(), [balanced()] * 3), collection_names=["gradients", "weights"])
    assert judge(rule) == []
    assert rule.datapoints == 3 * 9


def test_a_lower_threshold_asks_for_fewer_zeros(tmp_path: Path) -> None:
    model = classifier()
    with torch.no_grad():
        model.fc1.weight[:8] = 0
    trial = train(tmp_path / "run", model, [balanced()], collections=[("weights", "")])
    assert judge(AllZero(trial)) == []
    rule = AllZero(trial, threshold="50")
    assert judge(rule) == [0]
    assert rule.issues[0]["message"] == "50 % of the values are zero; the limit is 50 %."


@pytest.mark.parametrize("reduction", [("max", True), ("l2", False)])
def test_a_reduction_of_magnitudes_shows_it_too(tmp_path: Path, zeroed: nn.Module, reduction: tuple[str, bool]) -> None:
    weights: Any = [("weights", "")]
    trial = train(tmp_path / "run", zeroed, [balanced()], collections=weights, reductions=[reduction])
    rule = AllZero(trial, collection_names="weights")
    assert judge(rule) == [0]
    assert accused(rule) == {"Network_fc2.weight"}
    assert rule.datapoints == 3


def test_reductions_cannot_tell_shares(tmp_path: Path, zeroed: nn.Module) -> None:
    weights: Any = [("weights", "")]
    trial = train(tmp_path / "run", zeroed, [balanced()], collections=weights, reductions=[("max", True)])
    rule = AllZero(trial, collection_names="weights", threshold=50)
    assert judge(rule) == []
    assert rule.datapoints == 0


def test_without_the_chosen_tensors_there_is_nothing_to_judge(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()], collections=LOSSES)
    rule = AllZero(trial, collection_names="gradients")
    assert judge(rule) == []
    assert rule.datapoints == 0
