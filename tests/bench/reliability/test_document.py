"""The page on reliability says what was measured."""

from pathlib import Path

from bench.record import write_records
from bench.reliability.document import BEGIN, END, NOT_RECORDED, PAGE_PATH, RESULTS_PATH, figures, with_figures
from bench.reliability.goals import at_least, at_most
from bench.reliability.part import SCENARIOS


def test_the_page_holds_the_figures_of_the_results() -> None:
    page = PAGE_PATH.read_text()
    assert page == with_figures(page, figures(RESULTS_PATH)), "run `python -m bench.reliability.document`"


def test_the_page_promises_something_for_every_scenario() -> None:
    page = PAGE_PATH.read_text().replace("**", "")
    assert [name for name in SCENARIOS if name.lower() not in page.lower()] == []


def test_figures_are_a_table_with_verdicts(tmp_path: Path) -> None:
    records = [at_most("overload", "GET /ping", "ms", 12, 100), at_least("overload", "answered", "", 3, 4)]
    write_records(tmp_path / "r.json", records, "c", quick=False)
    lines = figures(tmp_path / "r.json").splitlines()
    assert "1 goals met, 1 missed; overload: answered." in lines[0]
    assert lines[-2:] == [
        "| overload | GET /ping | 12 ms | at most 100 ms | met |",
        "|  | answered | 3 | at least 4 | MISSED |",
    ]


def test_only_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    page = f"head\n{BEGIN}\nold\n{END}\ntail\n"
    assert with_figures(page, "new") == f"head\n{BEGIN}\n\nnew\n\n{END}\ntail\n"
    assert figures(tmp_path / "none.json") == NOT_RECORDED
