"""The frame of a chart: scales, grid and labels, as SVG that fits any width.

Shapes lie in an inner svg that is stretched to the width (1000 units), texts in the outer one at positions in percent,
and the labels of the y axis left of it, where the style sheet keeps room: so text keeps its size on a phone, and no
style attribute is needed, which the page's content policy would refuse.
"""

import math
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.thin import Series

WIDTH = 1000
TOP, BOTTOM = 18, 22  # pixels above and below the plot, for labels


CLOCK_STEPS = (60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)  # seconds that read well as minutes or hours


def ticks(low: float, high: float, count: int, kind: str = units.NUMBER) -> list[float]:
    """About `count` round numbers between `low` and `high`, of elapsed seconds whole minutes or hours."""
    if not high > low:
        return [low]
    raw = (high - low) / max(count, 1)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw * 0.99)
    if kind == units.ELAPSED and raw > CLOCK_STEPS[0]:
        step = next((size for size in CLOCK_STEPS if size >= raw), step)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What a chart shows: its ranges, the units of both axes and the height of its plot in pixels."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    x_kind: str = units.STEP
    y_kind: str = units.NUMBER
    height: int = 180

    @classmethod
    def around(
        cls,
        x: Series,
        y: Series,
        *,
        from_zero: bool = False,
        y_high: float | None = None,
        x_kind: str = units.STEP,
        y_kind: str = units.NUMBER,
        height: int = 180,
    ) -> "Frame":
        """The frame that holds all finite points, zero if `from_zero` and at least `y_high`, with a little room."""
        x, y = x[np.isfinite(x)], y[np.isfinite(y)]
        x_low, x_high = (float(x.min()), float(x.max())) if len(x) else (0.0, 1.0)
        low, high = (float(y.min()), float(y.max())) if len(y) else (0.0, 1.0)
        low = min(low, 0.0) if from_zero else low
        high = high if y_high is None else max(high, y_high)
        room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        return cls(
            x_low=x_low,
            x_high=x_high if x_high > x_low else x_low + 1,
            y_low=low if from_zero and low == 0 else low - room,
            y_high=high if high == y_high else high + room,
            x_kind=x_kind,
            y_kind=y_kind,
            height=height,
        )

    def x(self, value: float) -> float:
        return round((value - self.x_low) / (self.x_high - self.x_low) * WIDTH, 1)

    def y(self, value: float) -> float:
        return round((self.y_high - value) / (self.y_high - self.y_low) * self.height, 1)

    def points(self, x: Series, y: Series) -> str:
        """The points attribute of a line through (x, y)."""
        return " ".join(f"{self.x(a):g},{self.y(b):g}" for a, b in zip(x, y, strict=True))

    def svg(self, shapes: Markup, title: str, *, over: str = "", x_count: int = 5) -> Markup:
        """The whole chart: grid, stretched `shapes`, labels, and `over` on top, unstretched."""
        template = Markup(
            '<svg class="chart" role="img" aria-label="{title}" height="{total}" data-frame="{frame}" '
            'data-x="{x_kind}" data-y="{y_kind}">{grid}<svg class="plot" y="{top}" width="100%" height="{height}" '
            'viewBox="0 0 1000 {height}" preserveAspectRatio="none">{shapes}</svg>{labels}{over}</svg>'
        )
        frame = f"{self.x_low:.9g} {self.x_high:.9g} {self.y_low:.6g} {self.y_high:.6g}"
        grid, labels = self._grid_and_labels(x_count)
        return template.format(
            title=title,
            total=self.height + TOP + BOTTOM,
            frame=frame,
            x_kind=self.x_kind,
            y_kind=self.y_kind,
            top=TOP,
            height=self.height,
            grid=grid,
            shapes=shapes,
            labels=labels,
            over=over,
        )

    def _grid_and_labels(self, x_count: int) -> tuple[Markup, Markup]:
        grid, labels = Markup(""), Markup("")
        rows = max(3, self.height // 36)
        values = ticks(self.y_low, self.y_high, rows)
        for value in values if len(values) > 1 else ticks(self.y_low, self.y_high, 2 * rows):
            y = TOP + self.y(value)
            grid += Markup('<line class="grid" x2="100%" y1="{y:g}" y2="{y:g}"/>').format(y=y)
            written = units.text(value, self.y_kind)
            labels += Markup('<text class="tick" x="-8" y="{:g}" text-anchor="end">{}</text>').format(y + 4, written)
        for value in ticks(self.x_low, self.x_high, x_count, self.x_kind):
            share = self.x(value) / 10
            if self.x_kind == units.STEP and value != round(value):
                continue
            anchor = "start" if share < 5 else "end" if share > 95 else "middle"
            labels += Markup('<text class="tick" x="{:g}%" y="{}" text-anchor="{}">{}</text>').format(
                share, self.height + TOP + 16, anchor, units.text(value, self.x_kind)
            )
        return grid, labels
