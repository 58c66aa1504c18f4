from pathlib import Path
from typing import Any

import pytest
import torch

from container.debugger.rules.exploding_tensor import ExplodingTensor
from tests.container.debugger.rules.sick_models import accused, balanced, classifier, judge, train

LOSS = "CrossEntropyLoss_output_0"


@pytest.fixture
def exploded(tmp_path: Path) -> Any:
    """A learning rate at which the weights overflow."""
    return train(tmp_path / "exploded", classifier(), [balanced()] * 6, learning_rate=1e12)


def test_a_learning_rate_that_is_far_too_high_ends_in_nan(exploded: Any) -> None:
    rule = ExplodingTensor(exploded)
    met = judge(rule)
    assert met
    assert met[0] > 0
    assert {LOSS, "Network_head.weight"} <= accused(rule)


def test_a_healthy_run_holds_only_numbers(tmp_path: Path) -> None:
    rule = ExplodingTensor(train(tmp_path / "run", classifier(), [balanced()] * 6))
    assert judge(rule) == []
    assert rule.datapoints > 6 * 10


def test_infinity_alone_counts_unless_only_nan_is_asked_for(tmp_path: Path) -> None:
    model = classifier()
    with torch.no_grad():
        model.head.bias.fill_(float("inf"))
    trial = train(tmp_path / "run", model, [balanced()], collections=[("biases", "")])
    assert judge(ExplodingTensor(trial, collection_names="biases")) == [0]
    assert judge(ExplodingTensor(trial, collection_names="biases", only_nan="True")) == []


def test_only_the_chosen_tensors_are_judged(exploded: Any) -> None:
    rule = ExplodingTensor(exploded, collection_names="losses", tensor_regex="^gradient/.*head")
    judge(rule)
    assert accused(rule) == {LOSS, "gradient/Network_head.weight", "gradient/Network_head.bias"}


def test_reductions_show_it_too(tmp_path: Path) -> None:
    weights, reductions = [("weights", "")], [("max", False), ("mean", True)]
    for name, learning_rate, is_sick in (("sick", 1e12, True), ("healthy", 0.1, False)):
        trial = train(
            tmp_path / name,
            classifier(),
            [balanced()] * 6,
            learning_rate=learning_rate,
            collections=weights,
            reductions=reductions,
        )
        rule = ExplodingTensor(trial, collection_names="weights")
        assert bool(judge(rule)) == is_sick
        assert rule.datapoints == 6 * 3
