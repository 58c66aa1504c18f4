"""Tables and pictures of trials, from both kinds of trials.json: of this machine, and of SageMaker."""

import pytest

from container.errors import UserError
from notebooks import show


def trials_of_sagemaker() -> dict:
    """As `deploy tune` writes them: no `logarithmic`, and a trial that failed has no value."""
    return {
        "objective": "Average loss",
        "direction": "Minimize",
        "fixed": {"optimizer": "adamw", "debugger": "false"},
        "trials": [
            {"number": 1, "state": "Completed", "value": 0.5, "hyperparameters": {"learning_rate": "0.01"}},
            {"number": 2, "state": "Failed", "value": None, "hyperparameters": {"learning_rate": "0.05"}},
            {"number": 3, "state": "Completed", "value": 0.25, "hyperparameters": {"learning_rate": "0.002"}},
        ],
    }


def test_the_best_trial_is_first_and_what_failed_is_last() -> None:
    table = show.trials_table(trials_of_sagemaker())
    assert list(table.index) == [3, 1, 2]
    assert list(table["learning_rate"]) == [0.002, 0.01, 0.05]
    assert table.loc[2, "Average loss"] == ""


def test_the_largest_value_is_the_best_where_it_is_maximised() -> None:
    trials = trials_of_sagemaker() | {"direction": "Maximize"}
    assert [trial["number"] for trial in show.sorted_trials(trials)] == [1, 3]


def test_the_best_hyperparameters_are_those_of_all_trials_and_of_the_best_with_the_debugger_on() -> None:
    best = show.best_hyperparameters(trials_of_sagemaker())
    assert best == {"optimizer": "adamw", "debugger": "true", "learning_rate": "0.002"}


def test_trials_of_which_none_came_to_its_end_are_said_in_a_sentence() -> None:
    trials = trials_of_sagemaker()
    trials["trials"] = trials["trials"][1:2]
    with pytest.raises(UserError, match="No trial has come to its end"):
        show.trials_plot(trials)
