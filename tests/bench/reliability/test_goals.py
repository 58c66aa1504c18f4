"""Figures, their limits and the verdicts."""

from dataclasses import replace

import pytest

from bench.record import Record, left_out_record, read_records, write_records
from bench.reliability.goals import at_least, at_most, rows, summary, table, without_goal


@pytest.mark.parametrize(
    ("record", "met"),
    [
        (at_most("s", "n", "ms", 99.9, 100), True),
        (at_most("s", "n", "ms", 100, 100), True),
        (at_most("s", "n", "ms", 100.1, 100), False),
        (at_most("s", "n", "", 0, 0), True),
        (at_most("s", "n", "", 1, 0), False),
        (at_least("s", "n", "", 20, 20), True),
        (at_least("s", "n", "", 19, 20), False),
        (at_least("s", "n", "", 0, 1), False),
    ],
)
def test_a_goal_is_met_at_its_limit_and_missed_beyond_it(record: Record, met: bool) -> None:
    assert record.met is met
    assert record.ratio is not None
    assert (record.ratio >= 1) is met


def test_the_worst_of_several_rounds_decides() -> None:
    record = at_most("s", "n", "s", [0.5, 2.5, 0.7], 2)
    assert (record.value, record.min, record.max, record.rounds, record.met) == (2.5, 0.5, 2.5, 3, False)
    record = at_least("s", "n", "", [20, 18, 20], 20)
    assert (record.value, record.met) == (18, False)


def test_a_figure_without_a_goal_has_no_verdict() -> None:
    record = without_goal("s", "capacity", "requests/s", 250)
    assert (record.met, record.ratio) == (None, None)
    assert rows([record]) == [("s", "capacity", "250 requests/s", "", "")]


def test_the_table_shows_value_goal_and_verdict_and_counts_them() -> None:
    left_out = replace(left_out_record("", "No Docker engine answers."), side="serverless")
    records = [at_most("overload", "/ping", "ms", 12, 100), at_least("soak", "answers", "", 3, 4), left_out]
    text = table(records)
    assert "overload    /ping" in text
    assert "at most 100 ms  met" in text
    assert "MISSED" in text
    assert text.splitlines()[-1] == "1 goals met, 1 missed; soak: answers. Not measured: serverless."
    assert summary(records) == text.splitlines()[-1]
    assert "left out: No Docker engine answers." in text


def test_verdicts_are_written_and_read(tmp_path) -> None:
    records = [at_most("s", "n", "ms", 120, 100), without_goal("s", "m", "", 1)]
    write_records(tmp_path / "r.json", records, "c", quick=False)
    assert read_records(tmp_path / "r.json") == records
