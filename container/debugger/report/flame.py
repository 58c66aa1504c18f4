"""The flame view of an operator profile: who called what, each as wide as the time that it took."""

from typing import Any

from markupsafe import Markup

from container.debugger.report import units

ROW = 19  # pixels
MAX_DEPTH, MIN_SHARE, MAX_BOXES = 14, 0.002, 600


def flame(root: dict[str, Any], title: str) -> Markup:
    """The tree {"name", "us", "children"} from its root down; boxes under 0.2 % of the root are left out."""
    boxes: list[Markup] = []
    depth = _draw(root, 0.0, 1.0, 0, boxes)
    return Markup('<svg class="flame" role="img" aria-label="{}" height="{}">{}</svg>').format(
        title, ROW * depth, Markup("").join(boxes)
    )


def _draw(node: dict[str, Any], start: float, share: float, depth: int, boxes: list[Markup]) -> int:
    """Add the box of a node and those below it; the number of rows that they take. Wide ones come first."""
    boxes.append(_box(node, start, share, depth))
    rows, x = depth + 1, start
    total = max(node["us"], sum(child["us"] for child in node["children"]))  # threads can take longer than their caller
    for child in sorted(node["children"], key=lambda child: -child["us"]):
        width = share * child["us"] / total if total else 0
        if width < MIN_SHARE or depth + 1 >= MAX_DEPTH or len(boxes) >= MAX_BOXES:
            break
        rows = max(rows, _draw(child, x, width, depth + 1, boxes))
        x += width
    return rows


def _box(node: dict[str, Any], start: float, share: float, depth: int) -> Markup:
    template = Markup(
        '<svg class="box" x="{x:.3f}%" y="{y}" width="{width:.3f}%" height="{height}">'
        '<title>{name}: {time}, {share}</title><rect class="fill tone-{tone}" width="100%" height="100%"/>{label}</svg>'
    )
    label = Markup('<text x="4" y="13">{}</text>').format(node["name"]) if share > 0.02 else ""
    return template.format(
        x=100 * start,
        y=depth * ROW,
        width=100 * share,
        height=ROW - 1,
        name=node["name"],
        time=units.text(node["us"] / 1e6, units.SECONDS),
        share=units.text(share, units.SHARE),
        tone=_tone(node["name"]),
        label=label,
    )


def _tone(name: str) -> int:
    """A colour by the kind of name, so that the same operator looks the same everywhere."""
    if "ackward" in name:
        return 2
    if name.startswith("aten::"):
        return 1
    if "ptimizer" in name:
        return 3
    return 8
