from pathlib import Path

from container.debugger.rules.unchanged_tensor import UnchangedTensor
from tests.container.debugger.rules.sick_models import accused, balanced, classifier, judge, train


def test_weights_stay_the_same_at_a_learning_rate_of_zero(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 5, learning_rate=0)
    rule = UnchangedTensor(trial, collection_names="weights,biases")
    assert judge(rule) == [2, 3, 4]
    assert len(accused(rule)) == 6
    assert rule.issues[0]["message"] == "The tensor has not changed over the last 3 saved TRAIN steps."


def test_weights_that_are_trained_change(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 5)
    rule = UnchangedTensor(trial, collection_names="weights", num_steps="4")
    assert judge(rule) == []
    assert rule.datapoints == 2 * 3


def test_a_frozen_layer_is_left_alone(tmp_path: Path) -> None:
    model = classifier()
    model.fc1.requires_grad_(False)
    rule = UnchangedTensor(train(tmp_path / "run", model, [balanced()] * 5), collection_names="weights")
    assert judge(rule) == []
    assert rule.datapoints == 3 * 2


def test_weights_may_stay_during_an_evaluation_but_outputs_may_not(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 4, valid=balanced(seed=1), evaluate_every=1)
    assert judge(UnchangedTensor(trial, collection_names="weights")) == []
    constant = train(
        tmp_path / "constant", classifier(), [balanced()] * 4, learning_rate=0, valid=balanced(), evaluate_every=1
    )
    rule = UnchangedTensor(constant, tensor_regex="head_output")
    judge(rule)
    assert {issue["mode"] for issue in rule.issues} == {"TRAIN", "EVAL"}


def test_the_tolerance_decides_what_is_the_same(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 5, learning_rate=0.00001)
    assert judge(UnchangedTensor(trial, collection_names="weights", rtol="0.5", atol="0.01"))
    assert not judge(UnchangedTensor(trial, collection_names="weights", rtol=0, atol=0))


def test_nan_is_unlike_nan_unless_told_otherwise(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 8, learning_rate=1e15)
    last = {"tensor_regex": "Network_head.bias"}
    assert judge(UnchangedTensor(trial, **last)) == []
    assert judge(UnchangedTensor(trial, **last, equal_nan="True"))


def test_too_few_steps_are_named_as_the_reason(tmp_path: Path) -> None:
    rule = UnchangedTensor(train(tmp_path / "run", classifier(), [balanced()] * 2), collection_names="weights")
    assert judge(rule) == []
    assert rule.shortfall == "No tensor was saved at 3 steps of a mode; save them more often."
