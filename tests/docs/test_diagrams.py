"""The diagrams are those of their drawings, can be read, and each is shown by some page."""

import re
import tomllib
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from local_test.diagrams import FOLDER, draw, place
from tests.docs.markdown_links import targets
from tests.job_folder import PROJECT_DIR

DRAWINGS = sorted(FOLDER.glob("*.toml"))
PAGES = [PROJECT_DIR / "README.md", *(PROJECT_DIR / "docs").rglob("*.md")]
SMALL = """
title = "From <one> to another"
arrows = ["one -> other: label", "one |> third", "other ~> third"]
[boxes]
one = {at = [0, 0], text = "a & b"}
other = {at = [1, 0], text = "other", note = "first\\nsecond", kind = "data"}
third = {at = [1, 1], text = "third", kind = "outside"}
"""


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_the_committed_picture_is_that_of_the_drawing(path: Path) -> None:
    assert path.with_suffix(".svg").read_text() == draw(path.read_text()), "run: python -m local_test.diagrams"


def test_every_diagram_is_shown_and_every_concept_has_one() -> None:
    shown = {page: {Path(target).name for target in targets(page) if target.endswith(".svg")} for page in PAGES}
    assert {path.with_suffix(".svg").name for path in DRAWINGS} == set().union(*shown.values())
    assert all(names for page, names in shown.items() if page.parent.name == "concepts")


def test_a_drawing_becomes_boxes_arrows_and_text_that_is_text() -> None:
    svg = ElementTree.fromstring(draw(SMALL))  # noqa: S314  our own
    name = "{http://www.w3.org/2000/svg}"
    assert svg.findtext(f"{name}title") == "From <one> to another"
    assert [text.text for text in svg.iter(f"{name}text")] == ["label", "a & b", "other", "first", "second", "third"]
    paths = [path.get("d", "") for path in svg.iter(f"{name}path") if path.get("marker-end")]
    assert [path.count("L") for path in paths] == [1, 2, 1]


def test_boxes_do_not_lie_upon_each_other() -> None:
    for path in DRAWINGS:
        for one, other in combinations(place(tomllib.loads(path.read_text())["boxes"]).values(), 2):
            beside = one.left + one.width <= other.left or other.left + other.width <= one.left
            below = one.top + one.height <= other.top or other.top + other.height <= one.top
            assert beside or below, f"{path.stem}: {one.text}, {other.text}"


@pytest.mark.parametrize("arrow", ["one => other", "one", "one -> other label"])
def test_an_arrow_that_is_none_is_named(arrow: str) -> None:
    with pytest.raises(ValueError, match=re.escape(arrow)):
        draw(SMALL.replace("one -> other: label", arrow))
