"""docs/contract.md is that of the rows, and what it names exists."""

from pathlib import Path

import pytest

from local_test.check_contract.catalogue import ROWS
from local_test.check_contract.contract_page import PAGE_PATH, page
from local_test.check_contract.notes import NOTES

PROJECT_DIR = Path(__file__).parents[3]


def test_the_committed_page_is_that_of_the_rows() -> None:
    assert PAGE_PATH.read_text() == page(), "run: python -m local_test.check_contract.contract_page"


def test_every_row_has_an_id_of_its_own_and_a_note() -> None:
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids)
    assert NOTES.keys() == set(ids)


@pytest.mark.parametrize("path", sorted({path for note in NOTES.values() for path in note.tests}))
def test_the_tests_that_the_page_names_exist(path: str) -> None:
    assert (PROJECT_DIR / path).exists()


def test_every_row_has_a_line_that_says_where_it_was_verified() -> None:
    lines = {line.split("`")[1]: line for line in page().splitlines() if line.startswith("| `")}
    assert list(lines) == [row.id for row in ROWS]
    assert lines["ping-quick"].endswith("| here |")
    assert lines["train-spot"].endswith("| not yet; only on AWS: the platform copies to and from S3 |")
