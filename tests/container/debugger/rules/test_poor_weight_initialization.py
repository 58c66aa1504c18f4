from pathlib import Path

import torch
from torch import nn

from container.debugger.rules.poor_weight_initialization import PoorWeightInitialization
from tests.container.debugger.rules.sick_models import LOSSES, Network, accused, balanced, classifier, judge, train

REGEX = "relu.*_input"  # the tests' layers are relu1 and relu2


def initialised(gain: float) -> Network:
    """Kaiming's initialisation in the first layer, and some times as much in the second."""
    model = classifier()
    for layer, factor in ((model.fc1, 1.0), (model.fc2, gain)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        with torch.no_grad():
            layer.weight.mul_(factor)
    return model


def test_a_layer_a_hundred_times_too_large_stands_out(tmp_path: Path) -> None:
    rule = PoorWeightInitialization(
        train(tmp_path / "run", initialised(100), [balanced()] * 2, learning_rate=0.00001),
        activation_inputs_regex=REGEX,
    )
    assert 0 in judge(rule)
    assert "relu2_input_0" in accused(rule)


def test_kaiming_initialisation_is_healthy(tmp_path: Path) -> None:
    rule = PoorWeightInitialization(
        train(tmp_path / "run", initialised(1), [balanced()] * 12), activation_inputs_regex=REGEX
    )
    assert judge(rule) == []
    assert rule.datapoints == 10 * (1 + 3 + 1)  # activations, gradients, loss of the first ten steps


def test_weights_near_zero_give_gradients_without_spread(tmp_path: Path) -> None:
    rule = PoorWeightInitialization(
        train(tmp_path / "run", initialised(0.0001), [balanced()]), activation_inputs_regex=REGEX
    )
    assert judge(rule) == [0]
    assert "gradient/Network_fc1.weight" in accused(rule)


def test_a_loss_that_does_not_fall_counts_after_some_patience(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", initialised(1), [balanced()] * 8, learning_rate=0, collections=LOSSES)
    rule = PoorWeightInitialization(trial, patience="3")
    assert judge(rule) == [3, 4, 5, 6, 7]


def test_only_the_first_steps_are_looked_at(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", initialised(1), [balanced()] * 8, learning_rate=0, collections=LOSSES)
    assert judge(PoorWeightInitialization(trial, patience="3", steps="5")) == [3, 4]


def test_the_variance_may_be_a_stored_reduction(tmp_path: Path) -> None:
    trial = train(
        tmp_path / "run",
        initialised(100),
        [balanced()],
        collections=[("relu_input", REGEX)],
        reductions=[("variance", False)],
    )
    rule = PoorWeightInitialization(trial, activation_inputs_regex=REGEX)
    assert judge(rule) == [0]
    assert accused(rule) == {"relu2_input_0"}
