from pathlib import Path
from typing import Any

import pytest

from container.debugger.rules.selection import Moment, Selection, frozen_parameters
from tests.container.debugger.rules.sick_models import LOSSES, balanced, classifier, train


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Any:
    model = classifier()
    model.fc1.requires_grad_(False)
    return train(tmp_path_factory.mktemp("selection") / "run", model, [balanced()])


def selected(trial: Any, *, collections: tuple[str, ...] = (), regexes: tuple[str, ...] = ()) -> list[str]:
    return Selection(trial, collections, regexes).of(Moment(0, "TRAIN", 0, trial.tensor_names(step=0)))


def test_a_collection_is_its_tensors(trial: Any) -> None:
    assert selected(trial, collections=("losses",)) == ["CrossEntropyLoss_output_0"]


def test_a_regex_may_match_anywhere(trial: Any) -> None:
    assert selected(trial, regexes=("head.weight",)) == ["Network_head.weight", "gradient/Network_head.weight"]


def test_collections_and_regexes_add_up(trial: Any) -> None:
    names = selected(trial, collections=("losses",), regexes=("^Network_head.bias",))
    assert names == ["CrossEntropyLoss_output_0", "Network_head.bias"]


def test_neither_selects_everything(trial: Any) -> None:
    assert selected(trial) == trial.tensor_names(step=0)


def test_an_unknown_collection_is_empty(trial: Any) -> None:
    assert selected(trial, collections=("no_such_collection",)) == []


def test_a_parameter_without_gradient_is_frozen_if_others_have_one(trial: Any) -> None:
    weights = ["Network_fc1.weight", "Network_fc2.weight"]
    assert frozen_parameters(trial, weights) == {"Network_fc1.weight"}


def test_nothing_is_called_frozen_where_no_gradients_were_saved(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", classifier(), [balanced()], collections=LOSSES)
    assert frozen_parameters(trial, ["Network_fc1.weight"]) == set()
