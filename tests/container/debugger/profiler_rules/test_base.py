import pytest

from container.debugger.profiler_rules.batch_size import BatchSize
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.overall_system_usage import OverallSystemUsage
from container.debugger.profiler_rules.step_outlier import StepOutlier
from container.errors import SettingsError


def test_parameters_are_cast_from_text() -> None:
    rule = BatchSize.from_text({"window": "100", "cpu_threshold_p95": " 55.5 "})
    assert (rule.window, rule.cpu_threshold_p95, rule.patience) == (100, 55.5, BatchSize().patience)
    assert StepOutlier.from_text({"mode": "None"}).mode is None
    assert StepOutlier.from_text({"mode": "EVAL"}).mode == "EVAL"


@pytest.mark.parametrize(
    ("rule", "parameters", "sentence"),
    [
        (BatchSize, {"window": "2.5"}, "window is '2.5'; it must be a whole number"),
        (BatchSize, {"cpu_threshold": "70"}, "did you mean cpu_threshold_p95?"),
        (OverallSystemUsage, {"window": "5"}, "it has none."),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(rule, parameters, sentence) -> None:
    with pytest.raises(SettingsError, match=rule.name) as error:
        rule.from_text(parameters)
    assert sentence in str(error.value)


def test_a_hyperparameter_is_a_number_or_unknown() -> None:
    job = JobFacts(hyperparameters={"workers": "-1", "rules": "all", "batch_size": 64, "none": None})
    assert [job.number(name) for name in ("workers", "rules", "batch_size", "none", "other")] == [
        -1,
        None,
        64,
        None,
        None,
    ]
