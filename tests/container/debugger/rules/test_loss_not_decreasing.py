from pathlib import Path
from typing import Any

import pytest
import torch

from container.debugger.rules.loss_not_decreasing import LossNotDecreasing
from tests.container.debugger.rules.sick_models import LOSSES, Batch, balanced, classifier, judge, train

NUM_STEPS = 45


def run(folder: Path, learning_rate: float, batches: list[Batch] | None = None, **options: Any) -> Any:
    batches = batches or [balanced()] * NUM_STEPS
    return train(folder, classifier(), batches, learning_rate=learning_rate, collections=LOSSES, **options)


def test_a_learning_rate_of_zero_leaves_the_loss_where_it_is(tmp_path: Path) -> None:
    rule = LossNotDecreasing(run(tmp_path / "run", 0))
    assert judge(rule) == [20, 30, 40]
    assert "it should fall by 0.1 % in 10 steps" in rule.issues[0]["message"]


def test_a_loss_that_falls_is_healthy(tmp_path: Path) -> None:
    rule = LossNotDecreasing(run(tmp_path / "run", 0.1))
    assert judge(rule) == []
    assert rule.datapoints == 3


def test_a_learning_rate_that_is_too_high_makes_the_loss_rise(tmp_path: Path) -> None:
    rule = LossNotDecreasing(run(tmp_path / "run", 30))
    assert judge(rule)
    assert rule.issues[0]["message"].startswith("The TRAIN loss rose by")


def test_noise_between_batches_is_no_rise(tmp_path: Path) -> None:
    noisy = [balanced(6, seed=seed, noise=1.5) for seed in range(NUM_STEPS)]
    trial = run(tmp_path / "run", 0.02, noisy)
    losses = [float(trial.tensor("CrossEntropyLoss_output_0").value(step)) for step in (10, 20, 30, 40)]
    assert losses != sorted(losses, reverse=True)  # single batches would be accused
    assert judge(LossNotDecreasing(trial)) == []


def test_evaluations_are_judged_rather_than_training_where_there_are_some(tmp_path: Path) -> None:
    wrong = (balanced()[0], (balanced()[1] + 1) % 3)  # the better the training, the higher this loss
    trial = run(tmp_path / "run", 0.1, valid=wrong, evaluate_every=5)
    rule = LossNotDecreasing(trial, num_steps=1)
    judge(rule)
    assert {issue["mode"] for issue in rule.issues} == {"EVAL"}
    assert judge(LossNotDecreasing(trial, mode="TRAIN")) == []


def test_the_last_evaluation_is_judged_when_the_job_has_ended(tmp_path: Path) -> None:
    trial = run(tmp_path / "run", 0, [balanced()] * 4, valid=balanced(), evaluate_every=2)
    last = trial.steps()[-1]
    assert judge(LossNotDecreasing(trial, mode="EVAL", num_steps="1")) == [last]
    live = LossNotDecreasing(trial, mode="EVAL", num_steps="1")
    steps = trial.steps()
    trial.loaded_all_steps = trial.dynamic_refresh = False  # as while the job runs
    for step in steps:
        live.invoke_at_step(step)
    assert live.triggered == 0
    assert live.finish()
    assert not live.finish()
    assert live.triggered == 1


def test_a_loss_that_has_fallen_enough_may_stay(tmp_path: Path) -> None:
    # It learns in the first steps all that there is to learn, as half of the labels are noise.
    features, labels = balanced(60)
    labels = torch.where(torch.arange(60) < 20, labels.roll(1), labels)
    trial = run(tmp_path / "run", 0.5, [(features, labels)] * 150)
    assert judge(LossNotDecreasing(trial, diff_percent=5))
    rule = LossNotDecreasing(trial, diff_percent="5", enough_percent="20")
    assert judge(rule) == []
    assert rule.datapoints > 0


def test_few_losses_are_compared_one_by_one(tmp_path: Path) -> None:
    rule = LossNotDecreasing(run(tmp_path / "run", 0, [balanced()] * 4), num_steps="1")
    assert judge(rule) == [1, 2, 3]


@pytest.mark.parametrize("use", ["True", "False"])
def test_the_losses_may_be_chosen(tmp_path: Path, use: str) -> None:
    trial = run(tmp_path / "run", 0)
    assert bool(judge(LossNotDecreasing(trial, tensor_regex="nothing", use_losses_collection=use))) == (use == "True")


def test_a_short_run_cannot_be_judged(tmp_path: Path) -> None:
    rule = LossNotDecreasing(run(tmp_path / "run", 0, [balanced()] * 9))
    assert judge(rule) == []
    assert rule.shortfall == "No losses were saved 10 steps apart; save them more often, or train longer."
