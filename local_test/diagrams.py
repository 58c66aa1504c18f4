"""Draw the diagrams of the documentation: docs/diagrams/NAME.toml -> NAME.svg, by `python -m local_test.diagrams`.

A drawing is boxes on a grid and arrows between them; the SVG has the colours of all pages, in light and in dark, and
asks nothing of whoever shows it: a README on GitHub, the site, a browser.

    title = "What it shows, in a sentence"
    arrows = ["images -> crop", "crop -> model: of one shape", "model ~> log", "log |> page"]

    [boxes]
    images = {at = [0, 0], text = "image files", note = "one folder per class", kind = "data"}
    crop = {at = [1, 0], text = "crop"}

`at` is column and row; `note` may have several lines; kinds are `step`, `data` and `outside`. An arrow `->` goes
sideways first and then up or down, `|>` the other way round, `~>` as `->` but dashed.
"""

import re
import sys
import tomllib
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "diagrams"
ARROW = re.compile(r"(\w+) (->|~>|\|>) (\w+)(?:: (.*))?")
TEXT_SIZE, NOTE_SIZE = 14, 12
TEXT_WIDTH, NOTE_WIDTH = 7.7, 6.3  # pixels of a letter, on the safe side
LINE, NOTE_LINE, PADDING = 19, 16, 11
COLUMN_GAP, ROW_GAP, MARGIN = 46, 34, 6
SMALLEST_WIDTH = 110
STYLE = """
  .back { fill: #ffffff; stroke: #c9cdcc } .data { fill: #eef3fb; stroke: #2b66c9 }
  .outside { fill: none; stroke: #7a848d; stroke-dasharray: 4 3 } .text { fill: #1d2125 } .note { fill: #5d666f }
  .bare { fill: #5d666f } .line { fill: none; stroke: #7a848d; stroke-width: 1.5 } .dashed { stroke-dasharray: 5 4 }
  .head { fill: #7a848d }
  @media (prefers-color-scheme: dark) {
    .back { fill: #1b1f23; stroke: #454d55 } .data { fill: #1a2433; stroke: #6ea3f5 }
    .text { fill: #e7eaec } .note, .bare { fill: #9ba5ae }
  }
"""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', sans-serif"


@dataclass(frozen=True)
class Box:
    """A box with its place in pixels."""

    left: float
    top: float
    width: float
    height: float
    text: str
    notes: tuple[str, ...]
    kind: str

    @property
    def middle(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.top + self.height / 2


def draw(source: str) -> str:
    """The SVG of a drawing. Raises ValueError for an arrow that is none, KeyError for one from or to nothing."""
    drawing = tomllib.loads(source)
    boxes = place(drawing["boxes"])
    arrows = "".join(_arrow(text, boxes) for text in drawing.get("arrows", []))
    width = max(box.left + box.width for box in boxes.values()) + MARGIN
    height = max(box.top + box.height for box in boxes.values()) + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" font-family="{FONT}">\n'
        f"<title>{escape(drawing['title'])}</title>\n<style>{STYLE}</style>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path class="head" d="M0,0.5 L8,4 L0,7.5 z"/></marker></defs>\n'
        f"{arrows}{''.join(_box(box) for box in boxes.values())}</svg>\n"
    )


def place(described: dict[str, dict[str, Any]]) -> dict[str, Box]:
    """Each box as wide as the widest of its column, in the middle of its row."""
    notes = {name: tuple(box.get("note", "").splitlines()) for name, box in described.items()}
    widths: dict[int, float] = {}
    heights: dict[int, float] = {}
    own: dict[str, float] = {}
    for name, box in described.items():
        column, row = box["at"]
        wide = max(len(box["text"]) * TEXT_WIDTH, *(len(line) * NOTE_WIDTH for line in notes[name]), SMALLEST_WIDTH)
        own[name] = LINE + NOTE_LINE * len(notes[name]) + 2 * PADDING - 4
        widths[column] = max(widths.get(column, 0), round(wide + 2 * PADDING))
        heights[row] = max(heights.get(row, 0), own[name])
    placed = {}
    for name, box in described.items():
        column, row = box["at"]
        left = MARGIN + sum(widths.get(number, 0) + COLUMN_GAP for number in range(column))
        top = MARGIN + sum(heights.get(number, 0) + ROW_GAP for number in range(row)) + (heights[row] - own[name]) / 2
        kind = box.get("kind", "step")
        placed[name] = Box(left, top, widths[column], own[name], box["text"], notes[name], kind)
    return placed


def _box(box: Box) -> str:
    middle = box.left + box.width / 2
    shape = {"step": "back", "data": "data", "outside": "outside"}[box.kind]
    lines = (
        f'<rect class="{shape}" x="{box.left:g}" y="{box.top:g}" width="{box.width:g}" height="{box.height:g}" rx="7"/>'
        + _text("text" if box.kind != "outside" else "bare", middle, box.top + PADDING + 12, box.text, TEXT_SIZE, 600)
    )
    for number, note in enumerate(box.notes):
        kind = "note" if box.kind != "outside" else "bare"
        lines += _text(kind, middle, box.top + PADDING + 12 + LINE - 2 + number * NOTE_LINE, note, NOTE_SIZE, 400)
    return lines + "\n"


def _text(kind: str, x: float, y: float, text: str, size: int, weight: int, anchor: str = "middle") -> str:
    return (
        f'<text class="{kind}" x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text, quote=False)}</text>'
    )


def _arrow(text: str, boxes: dict[str, Box]) -> str:
    match = ARROW.fullmatch(text)
    if match is None:
        raise ValueError(f"The arrow {text!r} is none; write it as `one -> other` or `one -> other: label`.")
    start, kind, end, label = match.groups()
    points = _route(boxes[start], boxes[end], is_vertical_first=kind == "|>")
    path = "M" + " L".join(f"{x:g},{y:g}" for x, y in points)
    dashed = " dashed" if kind == "~>" else ""
    drawn = f'<path class="line{dashed}" d="{path}" marker-end="url(#head)"/>'
    return drawn + (_label(points, label) if label else "") + "\n"


def _route(start: Box, end: Box, *, is_vertical_first: bool) -> list[tuple[float, float]]:
    """Straight where the boxes share a column or a row, else with one bend."""
    (x1, y1), (x2, y2) = start.middle, end.middle
    if x1 == x2:
        return [(x1, _edge(start, y2 > y1)), (x2, _edge(end, y2 < y1))]
    if abs(y1 - y2) < 1:
        return [(_side(start, x2 > x1), y1), (_side(end, x2 < x1), y2)]
    if is_vertical_first:
        return [(x1, _edge(start, y2 > y1)), (x1, y2), (_side(end, x2 < x1), y2)]
    return [(_side(start, x2 > x1), y1), (x2, y1), (x2, _edge(end, y2 < y1))]


def _edge(box: Box, is_lower: bool) -> float:
    return box.top + box.height if is_lower else box.top


def _side(box: Box, is_right: bool) -> float:
    return box.left + box.width if is_right else box.left


def _label(points: list[tuple[float, float]], label: str) -> str:
    """Beside the longest part of the arrow."""
    (x1, y1), (x2, y2) = max(
        pairwise(points), key=lambda pair: abs(pair[0][0] - pair[1][0]) + abs(pair[0][1] - pair[1][1])
    )
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    if y1 == y2:
        return _text("bare", x, y - 6, label, NOTE_SIZE, 400)
    return _text("bare", x + 7, y + 4, label, NOTE_SIZE, 400, "start")


def main() -> int:
    for path in sorted(FOLDER.glob("*.toml")):
        path.with_suffix(".svg").write_text(draw(path.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
