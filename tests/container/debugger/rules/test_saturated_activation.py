from pathlib import Path

import pytest
import torch
from torch import nn

from container.debugger.rules.saturated_activation import SaturatedActivation
from tests.container.debugger.rules.sick_models import LOSSES, Network, accused, balanced, classifier, judge, train


def activated(activation: nn.Module, scale: float) -> nn.Module:
    """A classifier with one hidden layer; its inputs are some times as large as they should be."""
    torch.manual_seed(0)
    name = type(activation).__name__.lower()
    model = Network(fc=nn.Linear(4, 16), **{name: activation}, head=nn.Linear(16, 3))
    with torch.no_grad():
        model.fc.weight.mul_(scale)
    return model


@pytest.mark.parametrize("activation", [nn.Tanh(), nn.Sigmoid()], ids=["tanh", "sigmoid"])
def test_weights_a_thousand_times_too_large_saturate_a_layer(tmp_path: Path, activation: nn.Module) -> None:
    sick = SaturatedActivation(train(tmp_path / "sick", activated(activation, 10000), [balanced(120)] * 2))
    assert judge(sick) == [0, 1]
    assert accused(sick) == {f"{type(activation).__name__.lower()}_input_0"}
    assert "of the layer's 16 units are saturated" in sick.issues[0]["message"]
    healthy = SaturatedActivation(train(tmp_path / "healthy", activated(activation, 1), [balanced(120)] * 2))
    assert judge(healthy) == []
    assert healthy.datapoints == 2


def test_the_ends_of_the_range_may_be_text(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", activated(nn.Tanh(), 1), [balanced(120)])
    assert judge(SaturatedActivation(trial, threshold_tanh_min="-0.001", threshold_tanh_max="0.001")) == [0]


@pytest.mark.parametrize("collections", [None, LOSSES], ids=["no such layer", "losses only"])
def test_without_such_layers_there_is_nothing_to_judge(
    tmp_path: Path, collections: list[tuple[str, str]] | None
) -> None:
    rule = SaturatedActivation(train(tmp_path / "run", classifier(), [balanced()], collections=collections))
    assert judge(rule) == []
    assert rule.datapoints == 0
    assert "activation_input (.*tanh_input|.*sigmoid_input)" in rule.shortfall
