"""All scenarios together."""

import pytest

from bench.check import compare_ratios
from bench.errors import BenchError
from bench.record import LEFT_OUT, Record
from bench.reliability.goals import at_most
from bench.reliability.ground import Ground, MissingToolError
from bench.reliability.part import SCENARIOS, measure_all
from tests.bench.reliability.verdicts import missed

GOOD = at_most("good", "failed", "", 0, 0)


def lacks_a_tool(_: Ground) -> list[Record]:
    raise MissingToolError("It is not installed.")


def breaks_off(_: Ground) -> list[Record]:
    raise BenchError("The server ended.")


def test_a_scenario_without_its_tool_is_left_out_and_one_that_breaks_off_is_missed(
    real: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios = {"first": lacks_a_tool, "second": breaks_off, "good": lambda _: [GOOD]}
    records = measure_all(real, scenarios)
    assert [record.side for record in records] == ["first", "second", "good"]
    assert records[0].name == f"{LEFT_OUT}It is not installed."
    assert missed(records) == {"measured to its end"}
    assert records[2] == GOOD
    assert "The server ended." in capsys.readouterr().out


def test_every_fault_of_the_list_has_a_scenario() -> None:
    assert len(SCENARIOS) == 10


def test_a_check_finds_a_goal_that_is_met_no_more_and_no_other() -> None:
    before = [at_most("s", "ping", "ms", 10, 100), at_most("s", "lost", "", 0, 0), at_most("s", "slow", "s", 9, 2)]
    now = [at_most("s", "ping", "ms", 99, 100), at_most("s", "lost", "", 1, 0), at_most("s", "slow", "s", 12, 2)]
    assert [fall.key[1] for fall in compare_ratios(before, now).fallen] == ["lost"]
