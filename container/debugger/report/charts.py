"""Charts as inline SVG: lines with events, histograms, stacked bars, percentile bands. Colours are the page's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.frame import TOP, WIDTH, Frame
from container.debugger.report.thin import Series, thin

TONES = 8  # colours that the style sheet knows, numbered from 1


@dataclass(frozen=True, kw_only=True)
class Line:
    """A series of a line chart; `faint` is for what lies behind the line that matters."""

    label: str
    x: Series
    y: Series
    tone: int
    faint: bool = False


@dataclass(frozen=True, kw_only=True)
class Event:
    """A moment on the x axis that something happened."""

    x: float
    label: str


def line_chart(
    lines: Sequence[Line],
    title: str,
    *,
    events: Sequence[Event] = (),
    from_zero: bool = False,
    y_high: float | None = None,
    x_kind: str = units.STEP,
    y_kind: str = units.NUMBER,
    height: int = 180,
) -> Markup:
    """All `lines` over one axis, thinned; `events` as numbered marks."""
    if not lines:
        return Markup("")
    frame = Frame.around(
        np.concatenate([line.x for line in lines]),
        np.concatenate([line.y for line in lines]),
        from_zero=from_zero,
        y_high=y_high,
        x_kind=x_kind,
        y_kind=y_kind,
        height=height,
    )
    shapes = Markup("").join(_line(frame, line) for line in lines)
    inside = [event for event in events if frame.x_low <= event.x <= frame.x_high]
    marks = Markup("").join(_mark(frame, number, event) for number, event in enumerate(inside, 1))
    return frame.svg(shapes, title, over=marks)


def _line(frame: Frame, line: Line) -> Markup:
    x, y = thin(line.x, line.y)
    kind = "line faint" if line.faint else "line"
    if len(x) == 1:  # one point is no line: a short stroke that can be seen
        x, y = np.repeat(x, 2) + np.array([0, (frame.x_high - frame.x_low) / 100]), np.repeat(y, 2)
    return Markup('<polyline class="{} tone-{}" data-label="{}" points="{}"/>').format(
        kind, line.tone, line.label, frame.points(x, y)
    )


def _mark(frame: Frame, number: int, event: Event) -> Markup:
    template = Markup(
        '<g class="event"><title>{label}</title><line x1="{x:g}%" x2="{x:g}%" y1="{top}" y2="{bottom}"/>'
        '<circle cx="{x:g}%" cy="9" r="8"/><text x="{x:g}%" y="13" text-anchor="middle">{number}</text></g>'
    )
    x = min(max(frame.x(event.x) / 10, 1), 99)
    return template.format(label=event.label, x=x, top=TOP, bottom=TOP + frame.height, number=number)


def histogram(values: Series, title: str, *, kind: str, cut: float, bins: int = 40, height: int = 160) -> Markup:
    """How often each value (N,) occurs; all that lie above `cut` are one coloured bar at the end, off the scale."""
    usual, far = values[values <= cut], values[values > cut]
    counts, edges = np.histogram(usual, bins)
    width = float(edges[1] - edges[0])
    end = float(edges[-1]) + (4 * width if len(far) else 0)
    top = max(int(counts.max()), len(far)) * 1.05
    frame = Frame(x_low=float(edges[0]), x_high=end, y_low=0, y_high=top, x_kind=kind, y_kind=units.STEP, height=height)
    shapes = Markup("")
    for count, left in zip(counts, edges[:-1], strict=True):
        if count:
            shapes += _bar(frame, int(count), (left, left + width), "bar", (left, left + width))
    if len(far):
        shapes += _bar(frame, len(far), (end - 2 * width, end), "bar far", (far.min(), far.max()))
    return frame.svg(shapes, title)


def _bar(frame: Frame, count: int, place: tuple[float, float], kind: str, meaning: tuple[float, float]) -> Markup:
    """A bar at `place` on the x axis, which says what it counts."""
    label = f"{count:,} from {units.text(meaning[0], frame.x_kind)} to {units.text(meaning[1], frame.x_kind)}"
    template = Markup('<rect class="{}" x="{:g}" y="{:g}" width="{:g}" height="{:g}"><title>{}</title></rect>')
    x, size = frame.x(place[0]), max(frame.height - frame.y(count), 3)
    return template.format(kind, x, frame.height - size, max(frame.x(place[1]) - x - 1.5, 1), size, label)


def stacked_bars(rows: Sequence[tuple[str, dict[str, float]]], tones: dict[str, int], title: str) -> Markup:
    """One bar per row, its parts in the order given and drawn to the row's sum; every part says its share."""
    parts = Markup("")
    for number, (label, values) in enumerate(rows):
        top, total, x = number * 52, sum(values.values()) or 1.0, 0.0
        parts += Markup('<text class="row" x="0" y="{}">{}</text>').format(top + 14, label)
        for name, value in values.items():
            share = 100 * value / total
            parts += _part(f"{name}: {units.text(value, units.SECONDS)}", share, x, top + 21, tones[name])
            x += share
    return Markup('<svg class="bars" role="img" aria-label="{}" height="{}">{}</svg>').format(
        title, 52 * len(rows), parts
    )


def _part(label: str, share: float, x: float, y: int, tone: int) -> Markup:
    template = Markup(
        '<svg x="{:.3f}%" y="{}" width="{:.3f}%" height="24" class="part"><title>{}, {}</title>'
        '<rect class="fill tone-{}" width="100%" height="24"/>{}</svg>'
    )
    written = units.text(share, units.PERCENT)
    inside = Markup('<text x="5" y="16">{}</text>').format(written) if share >= 14 else ""
    return template.format(x, y, share, label, written, tone, inside)


def bands(steps: Series, rows: Series, title: str, *, height: int = 96) -> Markup:
    """Percentiles over steps: `rows` (N, 7) for 0, 5, 25, 50, 75, 95 and 100 %, or (N, 3) for least, mean and largest.

    The pairs from the outside in are drawn as bands, and the middle as a line.
    """
    frame = Frame.around(steps, rows.ravel(), height=height)
    pairs = rows.shape[1] // 2
    shapes = Markup("")
    for depth in range(pairs):
        low, high = rows[:, depth], rows[:, -1 - depth]
        outline = frame.points(np.concatenate([steps, steps[::-1]]), np.concatenate([low, high[::-1]]))
        shapes += Markup('<polygon class="band depth-{}" points="{}"/>').format(depth + 4 - pairs, outline)
    if len(steps) == 1:
        y = frame.y(rows[0, pairs])
        shapes += Markup('<line class="line tone-1" x1="0" x2="{}" y1="{:g}" y2="{:g}"/>').format(WIDTH, y, y)
    else:
        shapes += Markup('<polyline class="line tone-1" data-label="median" points="{}"/>').format(
            frame.points(steps, rows[:, pairs])
        )
    return frame.svg(shapes, title, x_count=3)
