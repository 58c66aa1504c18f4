from pathlib import Path

import torch

from container.debugger.rules.confusion import Confusion
from tests.container.debugger.rules.sick_models import LOSSES, balanced, classifier, examples, judge, train


def test_two_classes_that_look_the_same_are_confused(tmp_path: Path) -> None:
    labels = torch.arange(60) % 3
    features, _ = examples(torch.where(labels == 2, torch.tensor(1), labels))
    trial = train(tmp_path / "run", classifier(), [(features, labels)] * 40, learning_rate=0.5)
    rule = Confusion(trial)
    assert trial.steps()[-1] in judge(rule)
    latest = " ".join(issue["message"] for issue in rule.issues[-4:])
    assert "of class 0" not in latest
    assert "were taken for" in latest


def test_classes_that_are_recognised_are_healthy(tmp_path: Path) -> None:
    trial = train(
        tmp_path / "run",
        classifier(),
        [balanced(60)] * 40,
        learning_rate=0.5,
        valid=balanced(60, seed=1),
        evaluate_every=40,
        collections=[("labels", "Loss_input_1"), ("predictions", "Loss_input_0")],
    )
    rule = Confusion(trial, category_no="3")
    assert trial.steps()[-1] not in judge(rule)
    assert {issue["mode"] for issue in rule.issues} == {"TRAIN"}  # of its first steps
    assert rule.datapoints == 40 + 1


def test_looser_limits_may_be_text(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced(60)] * 3)
    assert judge(Confusion(trial)) == [0, 1, 2]
    assert judge(Confusion(trial, min_diag="0", max_off_diag="1")) == []


def test_too_few_labels_are_named_as_the_reason(tmp_path: Path) -> None:
    rule = Confusion(train(tmp_path / "run", classifier(), [balanced(30)]))
    assert judge(rule) == []
    assert rule.shortfall == "Only 30 labels of 3 classes were saved; save them more often."


def test_without_predictions_there_is_nothing_to_judge(tmp_path: Path) -> None:
    collections = [*LOSSES, ("labels", "Loss_input_1")]
    rule = Confusion(train(tmp_path / "run", classifier(), [balanced(60)], collections=collections))
    assert judge(rule) == []
    assert rule.datapoints == 0
