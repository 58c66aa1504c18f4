from pathlib import Path
from typing import Any

import pytest

from container.debugger.rules.similar_across_runs import SimilarAcrossRuns
from tests.container.debugger.rules.sick_models import LOSSES, accused, balanced, classifier, judge, train


@pytest.fixture
def base(tmp_path: Path) -> Any:
    return train(tmp_path / "base", classifier(), [balanced()] * 4)


def test_another_learning_rate_makes_another_run(tmp_path: Path, base: Any) -> None:
    other = train(tmp_path / "other", classifier(), [balanced()] * 4, learning_rate=0.2)
    rule = SimilarAcrossRuns(base, other_trials=[other], collection_names="weights")
    assert judge(rule) == [1, 2, 3]  # they started from the same weights
    assert "Network_head.weight" in accused(rule)
    assert "differs from that of run other_trial_0" in rule.issues[0]["message"]


def test_the_same_run_again_is_the_same(tmp_path: Path, base: Any) -> None:
    other = train(tmp_path / "other", classifier(), [balanced()] * 4)
    rule = SimilarAcrossRuns(base, other_trials=other)
    assert judge(rule) == []
    assert rule.datapoints > 4 * 10


def test_the_steps_compared_are_those_of_the_mode(tmp_path: Path, base: Any) -> None:
    # Its evaluation comes between two training steps, so that the global steps after it have other numbers.
    other = train(tmp_path / "other", classifier(), [balanced()] * 4, valid=balanced(), evaluate_every=2)
    rule = SimilarAcrossRuns(base, other_trials=[other], tensor_regex="^Network_.*weight")
    assert judge(rule) == []
    assert rule.datapoints == 4 * 3


def test_the_tolerance_may_be_text(tmp_path: Path, base: Any) -> None:
    other = train(tmp_path / "other", classifier(), [balanced()] * 4, learning_rate=0.101)
    assert judge(SimilarAcrossRuns(base, other_trials=[other], collection_names="losses"))
    assert not judge(SimilarAcrossRuns(base, other_trials=[other], collection_names="losses", rtol="0.1"))


def test_another_shape_differs(tmp_path: Path, base: Any) -> None:
    other = train(tmp_path / "other", classifier(num_classes=4), [balanced()])
    rule = SimilarAcrossRuns(base, other_trials=[other], tensor_regex="Network_head.bias")
    assert judge(rule) == [0]
    assert "shape is (3,) and that of run other_trial_0 is (4,)" in rule.issues[0]["message"]


def test_without_another_run_it_asks_for_one(base: Any) -> None:
    rule = SimilarAcrossRuns(base)
    assert judge(rule) == []
    assert "set other_trial_0" in rule.shortfall


def test_runs_without_a_common_tensor_cannot_be_compared(tmp_path: Path, base: Any) -> None:
    other = train(tmp_path / "other", classifier(), [balanced()], collections=LOSSES)
    rule = SimilarAcrossRuns(base, other_trials=[other], collection_names="weights")
    assert judge(rule) == []
    assert "no tensor of the same name" in rule.shortfall
