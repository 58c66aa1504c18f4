from pathlib import Path

import pytest
import torch
from torch import nn

from container.debugger.rules.dead_relu import DeadRelu
from tests.container.debugger.rules.sick_models import Network, accused, balanced, classifier, judge, train

RELU_OUTPUT = [("relu_output", ".*relu.*_output")]
REGEX = "relu.*_output"  # the tests' layers are relu1 and relu2


def with_dead_units(share: float) -> nn.Module:
    """A classifier in whose first layer some units have a bias too low for any input to overcome."""
    model = classifier()
    with torch.no_grad():
        model.fc1.bias[: int(share * len(model.fc1.bias))] = -1000
    return model


def test_a_hugely_negative_bias_kills_a_layer(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", with_dead_units(0.75), [balanced(120)] * 2, collections=RELU_OUTPUT)
    rule = DeadRelu(trial, tensor_regex=REGEX)
    assert judge(rule) == [0, 1]
    assert accused(rule) == {"relu1_output_0"}
    assert rule.issues[0]["message"].startswith("75 % of the layer's 16 units are dead")


def test_fewer_dead_units_than_the_limit_are_no_issue(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", with_dead_units(0.25), [balanced(120)], collections=RELU_OUTPUT)
    assert judge(DeadRelu(trial, tensor_regex=REGEX)) == []
    assert judge(DeadRelu(trial, tensor_regex=REGEX, threshold_layer="20")) == [0]


def test_a_healthy_layer_is_alive(tmp_path: Path) -> None:
    rule = DeadRelu(train(tmp_path / "run", classifier(), [balanced(120)] * 2), tensor_regex=REGEX)
    assert judge(rule) == []
    assert rule.datapoints == 2 * 2


def test_small_batches_are_judged_together(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", with_dead_units(0.75), [balanced(40)] * 3, collections=RELU_OUTPUT)
    assert judge(DeadRelu(trial, tensor_regex=REGEX)) == [2]


def test_too_few_values_are_named_as_the_reason(tmp_path: Path) -> None:
    rule = DeadRelu(train(tmp_path / "run", with_dead_units(0.75), [balanced(40)]), tensor_regex=REGEX)
    assert judge(rule) == []
    assert rule.shortfall == "DeadRelu has seen too few values of every unit; save activations more often."


@pytest.mark.parametrize(("bias", "met"), [(-1000.0, [0]), (0.0, [])])
def test_the_units_of_a_convolution_are_its_channels(tmp_path: Path, bias: float, met: list[int]) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 8, 3)
    nn.init.constant_(convolution.bias, bias)  # type: ignore[arg-type]
    model = Network(
        conv=convolution, relu=nn.ReLU(), pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), head=nn.Linear(8, 3)
    )
    images = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3
    rule = DeadRelu(train(tmp_path / "run", model, [images]))  # the default regex
    assert judge(rule) == met
    assert rule.datapoints == 1


def test_reductions_cannot_tell_units_apart(tmp_path: Path) -> None:
    trial = train(
        tmp_path / "run", with_dead_units(1), [balanced(120)], collections=RELU_OUTPUT, reductions=[("mean", False)]
    )
    rule = DeadRelu(trial, tensor_regex=REGEX)
    assert judge(rule) == []
    assert rule.datapoints == 0
