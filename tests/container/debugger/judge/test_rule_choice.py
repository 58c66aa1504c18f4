import json

import pytest

from container.debugger.judge.rule_choice import choose_rules
from container.debugger.profiler_rules.catalogue import PROFILER_RULES
from container.debugger.rules.catalogue import DEFAULT_RULES, RULES
from container.errors import SettingsError


def test_the_default_is_a_choice_of_tensor_rules_and_every_profiler_rule() -> None:
    choice = choose_rules("default")
    assert choice.tensor == DEFAULT_RULES
    assert list(choice.profiler) == list(PROFILER_RULES)
    assert choice.stopping == frozenset()


def test_all_and_none_are_what_they_say() -> None:
    assert list(choose_rules("all").tensor) == list(RULES)
    assert choose_rules("none").tensor == choose_rules("none").profiler == {}


def test_names_are_separated_by_commas_and_may_be_of_both_kinds() -> None:
    choice = choose_rules("DeadRelu, StepOutlier,Overtraining")
    assert list(choice.tensor) == ["DeadRelu", "Overtraining"]
    assert list(choice.profiler) == ["StepOutlier"]


def test_the_platforms_name_of_a_rule_is_understood() -> None:
    assert list(choose_rules("StalledTrainingRule").tensor) == ["StalledTraining"]


def test_parameters_are_given_as_a_json_object_on_top_of_our_defaults() -> None:
    text = json.dumps({"Overfit": {"patience": 7, "on_issue": "stop"}, "StepOutlier": {"stddev": 5}, "DeadRelu": {}})
    choice = choose_rules(text)
    assert choice.tensor["Overfit"] == {**DEFAULT_RULES["Overfit"], "patience": "7"}
    assert choice.profiler == {"StepOutlier": {"stddev": "5"}}
    assert choice.stopping == {"Overfit"}


def test_what_the_rules_need_is_saved_and_the_losses_always() -> None:
    assert choose_rules("none").collections == {"losses": ""}
    assert choose_rules("DeadRelu").collections == {"losses": "", "relu_output": ".*relu_output"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DeadRelo", "no rule is named 'DeadRelo'; did you mean 'DeadRelu'?"),
        ("StepOutliers", "did you mean 'StepOutlier'?"),
        ('{"DeadRelu": 3}', "DeadRelu must be a JSON object of parameters, not 3."),
        ('{"DeadRelu": {', "rules is no valid JSON object"),
        ('{"DeadRelu": {"treshold": 1}}', "DeadRelu has no parameter 'treshold'; it has"),
        ('{"StepOutlier": {"stddev": "wide"}}', "StepOutlier: stddev is 'wide'; it must be"),
        ('{"DeadRelu": {"on_issue": "halt"}}', "DeadRelu: on_issue is 'halt'; use stop or report."),
    ],
)
def test_a_mistake_is_named_with_what_to_write_instead(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=r"hyperparameters\.json: rules") as raised:
        choose_rules(text)
    assert message in str(raised.value)
