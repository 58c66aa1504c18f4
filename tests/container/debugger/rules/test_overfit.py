from pathlib import Path

import torch

from container.debugger.rules.overfit import Overfit
from tests.container.debugger.rules.sick_models import LOSSES, Batch, balanced, classifier, judge, train


def memorized() -> Batch:
    """Six images with labels that mean nothing: they can only be learnt by heart."""
    generator = torch.Generator().manual_seed(3)
    return torch.randn(6, 4, generator=generator), torch.tensor([0, 1, 2, 2, 0, 1])


def test_a_tiny_train_set_is_learnt_by_heart(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [memorized()] * 100, valid=balanced(), collections=LOSSES)
    rule = Overfit(trial)
    met = judge(rule)
    assert trial.steps()[-1] in met
    assert rule.issues[-1]["mode"] == "EVAL"
    assert "The validation loss is" in rule.issues[-1]["message"]


def test_as_good_on_images_not_seen_is_healthy(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 30, valid=balanced(seed=1), collections=LOSSES)
    rule = Overfit(trial)
    assert judge(rule) == []
    assert rule.datapoints == 6


def test_patience_counts_evaluations_and_start_step_the_training(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [memorized()] * 100, valid=balanced(), collections=LOSSES)
    sick_from = Overfit(trial)
    all_met = judge(sick_from)
    assert judge(Overfit(trial, patience="3")) == all_met[2:]
    late = Overfit(trial, start_step="50")
    assert judge(late)
    assert late.datapoints == 10


def test_a_gap_too_small_to_matter_is_none(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [memorized()] * 100, valid=balanced(), collections=LOSSES)
    assert judge(Overfit(trial, min_gap="1e3")) == []


def test_without_validation_there_is_nothing_to_judge(tmp_path: Path) -> None:
    rule = Overfit(train(tmp_path / "run", classifier(), [balanced()] * 5, collections=LOSSES))
    assert judge(rule) == []
    assert "both training and validation" in rule.shortfall
