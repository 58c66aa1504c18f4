"""Charts of trials: a dot per trial, over the order of trials or over a hyperparameter, and learning curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.frame import TOP, Frame
from local_test.tuning.axis import Axis

Row = dict[str, Any]
BEST, COMPLETED, PRUNED = 1, 8, 2  # tones
FAR = 3  # times the distance from the best trial to the median one, beyond which a trial is off the scale


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The range of objective values that a chart shows. Trials that went badly wrong lie at its edge."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], *, minimize: bool) -> "Scale":
        low, high = min(values), max(values)
        middle, best = float(np.median(values)), low if minimize else high
        reach = FAR * abs(middle - best) or abs(high - low)
        return (
            cls(low=low, high=min(high, middle + reach)) if minimize else cls(low=max(low, middle - reach), high=high)
        )

    def inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def frame(self, x_low: float, x_high: float, height: int) -> Frame:
        room = 0.08 * (self.high - self.low) or 0.05 * abs(self.high) or 1.0
        return Frame(
            x_low=x_low,
            x_high=x_high if x_high > x_low else x_low + 1,
            y_low=self.low - room,
            y_high=self.high + room,
            height=height,
        )


def over_trials(rows: Sequence[Row], scale: Scale, records: Sequence[tuple[int, float]], title: str) -> Markup:
    """A dot per trial in the order of trials; `records`, (number, value), as a line of steps from the first one on."""
    numbers = [row["number"] for row in rows]
    frame = scale.frame(min(numbers) - 0.5, max(numbers) + 0.5, 200)
    corners: list[tuple[float, float]] = []
    for number, value in records:
        corners += [(number, corners[-1][1] if corners else value), (number, value)]
    line = Markup("")
    if corners:
        x, y = np.array([*corners, (frame.x_high, corners[-1][1])]).T
        line = Markup('<polyline class="line tone-1" points="{}"/>').format(frame.points(x, y))
    return frame.svg(line, title, over=dots(frame, scale, rows, [float(number) for number in numbers]))


def over_parameter(rows: Sequence[Row], name: str, scale: Scale, axis: Axis) -> Markup:
    """A dot per trial over the values of one hyperparameter."""
    frame = scale.frame(0.01, 0.99, 150)
    places = [axis.place(row["hyperparameters"][name]) for row in rows]
    return frame.svg(Markup(""), f"objective over {name}", over=axis.labels(frame) + dots(frame, scale, rows, places))


def curves(rows: Sequence[Row], scale: Scale, title: str) -> Markup:
    """The objective after each epoch of each trial, the best trial last so that it lies on top; ends of pruned ones."""
    epochs = max(len(row["intermediate"]) for row in rows)
    frame = scale.frame(1, max(epochs, 2), 220)
    lines, ends = Markup(""), Markup("")
    for row in sorted(rows, key=lambda row: row["is_best"]):
        y = np.array(row["intermediate"], float)
        x = np.arange(1, len(y) + 1, dtype=float)
        label = Markup(' data-label="{}"').format(row["name"]) if row["is_best"] else ""
        kind = "line best" if row["is_best"] else "line other"
        lines += Markup('<polyline class="{} tone-{}"{} points="{}"/>').format(
            kind, tone(row), label, frame.points(x, y)
        )
        if row["state"] == "Pruned" or len(y) == 1:
            ends += _dot(frame, row, x[-1], scale.inside(y[-1]))
    return frame.svg(lines, title, over=ends)


def dots(frame: Frame, scale: Scale, rows: Sequence[Row], places: Sequence[float]) -> Markup:
    drawn = sorted(zip(rows, places, strict=True), key=lambda pair: pair[0]["is_best"])
    return Markup("").join(_dot(frame, row, x, scale.inside(row["value"])) for row, x in drawn)


def _dot(frame: Frame, row: Row, x: float, y: float) -> Markup:
    """A mark that says its trial; hollow if the trial was pruned. `part`: the page's script shows its title."""
    template = Markup('<g class="part dot {} tone-{}"><title>{}</title><circle cx="{:g}%" cy="{:g}" r="{}"/></g>')
    kind = "hollow" if row["state"] == "Pruned" else "full"
    chosen = "\n".join(f"{name} {_short(value)}" for name, value in row["hyperparameters"].items())
    title = f"{row['name']}, {row['state'].lower()}: {units.text(row['value'])}\n{chosen}"
    return template.format(kind, tone(row), title, frame.x(x) / 10, TOP + frame.y(y), 6 if row["is_best"] else 4.5)


def tone(row: Row) -> int:
    return BEST if row["is_best"] else PRUNED if row["state"] == "Pruned" else COMPLETED


def _short(value: str) -> str:
    number = value.replace(".", "", 1).replace("e-", "", 1)
    return units.text(float(value)) if number.isdigit() and not value.isdigit() else value


def share_bars(shares: dict[str, float], title: str) -> Markup:
    """A bar per name, as long as its share of 1."""
    shapes = Markup("")
    for number, (name, share) in enumerate(shares.items()):
        shapes += Markup(
            '<text class="row" x="0" y="{}">{}</text><text class="tick" x="100%" y="{}" text-anchor="end">{}</text>'
            '<rect class="track" x="0" y="{}" width="100%" height="12" rx="3"/>'
            '<rect class="fill tone-1" x="0" y="{}" width="{:.2f}%" height="12" rx="3"/>'
        ).format(
            44 * number + 14,
            name,
            44 * number + 14,
            units.text(share, units.SHARE),
            44 * number + 20,
            44 * number + 20,
            max(100 * share, 0.4),
        )
    return Markup('<svg class="bars" role="img" aria-label="{}" height="{}">{}</svg>').format(
        title, 44 * len(shares), shapes
    )
