import re
from typing import Any
from xml.etree import ElementTree

from container.debugger.report.flame import MAX_BOXES, MAX_DEPTH, flame
from tests.container.debugger.report.sample_run import HOSTILE, operators


def boxes(tree: dict[str, Any]) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(flame(tree, "flame")))  # noqa: S314 (our own drawing)


def test_boxes_lie_below_their_callers_and_as_wide_as_their_time() -> None:
    tree = operators()[0]["flame"]
    found = {re.sub(":[^:]*$", "", box[0].text or ""): box for box in boxes(tree)}
    assert found["steps 5 to 7"].get("width") == "100.000%"
    assert found["nn.Module: Network"].get("width") == "62.000%"
    assert found["autograd: ConvolutionBackward0"].get("x") == "62.000%"
    assert found["aten::convolution"].get("y") == "57"


def test_a_deep_or_wide_tree_is_cut() -> None:
    deep: dict[str, Any] = {"name": "leaf", "us": 1.0, "children": []}
    for _ in range(40):
        deep = {"name": "caller", "us": 1.0, "children": [deep]}
    assert len(boxes(deep)) == MAX_DEPTH
    leaves = [{"name": "leaf", "us": 1.0, "children": []} for _ in range(100)]
    wide = {"name": "all", "us": 1e4, "children": [{"name": "part", "us": 100.0, "children": leaves}] * 100}
    assert len(boxes(wide)) <= MAX_BOXES
    tiny = {"name": "all", "us": 1e6, "children": leaves}
    assert len(boxes(tiny)) == 1


def test_children_that_took_longer_than_their_caller_stay_inside_it() -> None:
    child = {"name": "thread", "us": 80.0, "children": []}
    found = boxes({"name": "all", "us": 100.0, "children": [child, dict(child)]})
    assert [box.get("width") for box in found] == ["100.000%", "50.000%", "50.000%"]


def test_an_operators_name_cannot_become_markup() -> None:
    assert "<script" not in flame({"name": HOSTILE, "us": 1.0, "children": []}, HOSTILE)
