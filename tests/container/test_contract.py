import re

import pytest

from container import contract


@pytest.mark.parametrize("name", contract.METRICS)
@pytest.mark.parametrize("value", [0.0, 0.000123, 0.4312, 1.0, 1234.5])
def test_a_metric_line_is_read_by_its_own_regex_and_by_no_other(name: str, value: float) -> None:
    line = contract.metric_line(name, value)
    readers = {other: re.findall(contract.metric_regex(other), line) for other in contract.METRICS}
    assert {other for other, found in readers.items() if found} == {name}
    assert [float(number) for number in readers[name]] == [pytest.approx(value, abs=1e-6)]


def test_the_objective_of_the_original_projects_tuning_job_is_readable_with_its_own_regex() -> None:
    assert re.findall(r"Average loss: ([0-9\.]+)", contract.metric_line("Average loss", 0.4312)) == ["0.431200"]


def test_a_metric_that_nobody_has_declared_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        contract.metric_line("Loss", 1.0)
