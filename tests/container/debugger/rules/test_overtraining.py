from pathlib import Path

from container.debugger.rules.overtraining import Overtraining
from tests.container.debugger.rules.sick_models import LOSSES, balanced, classifier, judge, train


def test_training_that_goes_on_after_it_has_converged_is_found(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 120, learning_rate=0.5, collections=LOSSES)
    rule = Overtraining(trial)
    met = judge(rule)
    assert met
    assert met[0] > 10  # not while it still learns
    assert "The training loss has not improved by 0.01" in rule.issues[0]["message"]


def test_training_that_still_learns_is_healthy(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()] * 15, valid=balanced(seed=1), collections=LOSSES)
    rule = Overtraining(trial)
    assert judge(rule) == []
    assert rule.datapoints == 15 + 3


def test_a_validation_loss_that_rises_is_found_by_itself(tmp_path: Path) -> None:
    wrong = (balanced()[0], (balanced()[1] + 1) % 3)  # the better the training, the higher this loss
    trial = train(tmp_path / "run", classifier(), [balanced()] * 15, valid=wrong, collections=LOSSES)
    rule = Overtraining(trial, patience_validation="2", delta="0")
    assert judge(rule) == [trial.steps()[-1]]
    assert rule.issues[0]["mode"] == "EVAL"
    assert rule.issues[0]["message"].endswith("for 2 evaluations.")


def test_without_losses_there_is_nothing_to_judge(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()], collections=LOSSES, reductions=[("mean", False)])
    rule = Overtraining(trial)
    rule._losses = rule.select([], ["no such loss"])
    assert judge(rule) == []
    assert rule.shortfall.endswith("save the collection losses.")
