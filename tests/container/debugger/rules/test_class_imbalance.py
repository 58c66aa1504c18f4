from pathlib import Path

import torch

from container.debugger.rules.class_imbalance import ClassImbalance
from tests.container.debugger.rules.sick_models import LOSSES, accused, balanced, classifier, examples, judge, train

OUTCOMES = [("labels", "CrossEntropyLoss_input_1"), ("predictions", "CrossEntropyLoss_input_0")]
RARE = torch.tensor([0] * 24 + [1] * 24 + [2] * 2)


def test_a_rare_class_is_found(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [examples(RARE)] * 10, collections=OUTCOMES)
    rule = ClassImbalance(trial, threshold_misprediction="1")
    assert judge(rule) == [9]
    assert accused(rule) == {"CrossEntropyLoss_input_1"}
    assert rule.issues[0]["message"] == ("Class 0 has 240 labels and class 2 has 20: 12 times; the limit is 10.")


def test_a_rare_class_that_is_never_predicted_is_found(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [examples(RARE)] * 10, learning_rate=0.01, collections=OUTCOMES)
    rule = ClassImbalance(trial, threshold_imbalance=100)
    assert judge(rule) == [9]
    assert "% of the images of class" in rule.issues[0]["message"]


def test_classes_of_one_size_that_are_recognised_are_healthy(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced(60)] * 20, learning_rate=0.5, collections=OUTCOMES)
    rule = ClassImbalance(trial, samples="200")
    assert judge(rule) == []
    assert rule.datapoints == 5


def test_the_order_of_an_evaluation_is_no_imbalance(tmp_path: Path) -> None:
    only_one_of_the_last = examples(torch.tensor([0] * 50 + [1]))
    trial = train(
        tmp_path / "run",
        classifier(),
        [balanced(60)] * 10,
        learning_rate=0.5,
        valid=only_one_of_the_last,
        evaluate_every=1,
        collections=OUTCOMES,
    )
    rule = ClassImbalance(trial, samples=50, threshold_misprediction=1)
    assert judge(rule) == []
    assert rule.datapoints == 10 + 10


def test_labels_alone_are_enough_to_count_them(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [examples(RARE)] * 10, collections=OUTCOMES[:1])
    assert judge(ClassImbalance(trial)) == [9]


def test_logits_are_not_predictions_if_one_says_so(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced(60)] * 10, collections=OUTCOMES)
    as_told = ClassImbalance(trial, argmax="False")
    assert judge(as_told) == []
    assert as_told.datapoints == 0
    right = ClassImbalance(trial, argmax="True")
    judge(right)
    assert right.datapoints == 1


def test_too_few_labels_are_named_as_the_reason(tmp_path: Path) -> None:
    few = balanced(6)
    rule = ClassImbalance(
        train(tmp_path / "run", classifier(), [balanced(60)], valid=few, evaluate_every=1, collections=OUTCOMES)
    )
    assert judge(rule) == []
    assert rule.shortfall == "Only 60 labels were saved, and the rule needs 500; save them more often."


def test_without_labels_there_is_nothing_to_judge(tmp_path: Path) -> None:
    rule = ClassImbalance(train(tmp_path / "run", classifier(), [balanced(60)], collections=LOSSES))
    assert judge(rule) == []
    assert "labels (CrossEntropyLoss_input_1)" in rule.shortfall
