from pathlib import Path

import torch
from torch import nn

from container.debugger.rules.vanishing_gradient import VanishingGradient
from tests.container.debugger.rules.sick_models import LOSSES, Network, accused, balanced, classifier, judge, train


def sigmoid_tower(depth: int = 12) -> Network:
    torch.manual_seed(0)
    layers: dict[str, nn.Module] = {}
    for number in range(depth):
        layers[f"fc{number}"] = nn.Linear(4, 4)
        layers[f"sigmoid{number}"] = nn.Sigmoid()
    return Network(**layers, head=nn.Linear(4, 3))


def test_the_first_layers_of_a_deep_sigmoid_network_get_no_gradient(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", sigmoid_tower(), [balanced()] * 2, collections=[("gradients", "")])
    rule = VanishingGradient(trial)
    assert judge(rule) == [0, 1]
    assert "gradient/Network_fc0.weight" in accused(rule)
    assert "gradient/Network_head.weight" not in accused(rule)
    assert "below 1e-07" in rule.issues[0]["message"]


def test_a_shallow_relu_network_is_healthy(tmp_path: Path) -> None:
    rule = VanishingGradient(train(tmp_path / "run", classifier(), [balanced()] * 2))
    assert judge(rule) == []
    assert rule.datapoints == 2 * 3


def test_the_threshold_may_be_text(tmp_path: Path) -> None:
    rule = VanishingGradient(train(tmp_path / "run", classifier(), [balanced()]), threshold="1e3")
    assert judge(rule) == [0]
    assert rule.report["RuleParameters"] == "threshold:1000.0"


def test_the_mean_of_absolute_values_is_enough(tmp_path: Path) -> None:
    trial = train(
        tmp_path / "run", sigmoid_tower(), [balanced()], collections=[("gradients", "")], reductions=[("mean", True)]
    )
    assert judge(VanishingGradient(trial)) == [0]


def test_another_reduction_says_nothing(tmp_path: Path) -> None:
    trial = train(
        tmp_path / "run", sigmoid_tower(), [balanced()], collections=[("gradients", "")], reductions=[("max", False)]
    )
    rule = VanishingGradient(trial)
    assert judge(rule) == []
    assert rule.datapoints == 0


def test_without_gradients_it_names_the_collection_that_is_missing(tmp_path: Path) -> None:
    rule = VanishingGradient(train(tmp_path / "run", classifier(), [balanced()], collections=LOSSES))
    assert judge(rule) == []
    assert rule.shortfall == ("No tensor that VanishingGradient looks at was saved; save the collection gradients.")


def test_a_bias_before_batch_normalisation_has_no_gradient_and_needs_none(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Network(fc=nn.Linear(4, 8), norm=nn.BatchNorm1d(8), relu=nn.ReLU(), head=nn.Linear(8, 3))
    trial = train(tmp_path / "run", model, [balanced()] * 3)
    assert abs(trial.tensor("gradient/Network_fc.bias").value(0)).mean() < 1e-7
    assert judge(VanishingGradient(trial)) == []
