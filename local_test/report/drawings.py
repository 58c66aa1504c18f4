"""Charts of the page that the debugger's report has not: classes by size, and confidence against hits."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from container.debugger.report import units
from container.debugger.report.frame import WIDTH, Frame
from container.debugger.report.thin import Series

BINS = 15  # as in container/training/calibration.py; nothing outside the image may import training
BAR = Markup('<rect class="bar {}" x="{:g}" y="{:g}" width="{:g}" height="{:g}"><title>{}</title></rect>')


def class_sizes(counts: Sequence[tuple[str, int]], title: str) -> Markup:
    """A bar per class, (name, images), the largest first."""
    ranked = sorted(counts, key=lambda pair: (-pair[1], pair[0]))
    most = max(count for _, count in ranked)
    frame = Frame(x_low=0, x_high=len(ranked), y_low=0, y_high=1.05 * max(most, 1), y_kind=units.STEP, height=150)
    shapes = Markup("")
    gap = min(2.0, 0.15 * WIDTH / len(ranked))
    for place, (name, count) in enumerate(ranked):
        height = max(frame.height - frame.y(count), 1)
        shapes += BAR.format(
            "", frame.x(place), frame.height - height, WIDTH / len(ranked) - gap, height, _images(name, count)
        )
    return frame.svg(shapes, title)


def _images(name: str, count: int) -> str:
    return f"{name}: {count:,} image{'s' if count != 1 else ''}"


def bins_of(probability: Series, is_right: NDArray[np.bool_]) -> list[tuple[int, float, float]]:
    """(images, mean confidence, share of hits) of each of 15 bins of confidence, (a, b] each."""
    numbers = np.clip(np.ceil(probability * BINS).astype(int) - 1, 0, BINS - 1)
    found = []
    for number in range(BINS):
        inside = numbers == number
        count = int(inside.sum())
        found.append(
            (count, float(probability[inside].mean()), float(is_right[inside].mean())) if count else (0, 0.0, 0.0)
        )
    return found


def calibration_error(bins: Sequence[tuple[int, float, float]]) -> float:
    """Expected calibration error: over all images the mean distance of confidence and hits of their bin."""
    total = sum(count for count, _, _ in bins)
    return sum(count * abs(confidence - hits) for count, confidence, hits in bins) / max(total, 1)


def reliability(bins: Sequence[tuple[int, float, float]], title: str) -> Markup:
    """Share of hits over confidence, and what each bar lacks or has too much to end at its confidence."""
    frame = Frame(x_low=0, x_high=1, y_low=0, y_high=1, x_kind=units.SHARE, y_kind=units.SHARE, height=240)
    shapes = Markup("")
    for number, (count, confidence, hits) in enumerate(bins):
        if not count:
            continue
        x, width = frame.x(number / BINS) + 2, WIDTH / BINS - 4
        says = (
            f"{count:,} image{'s' if count != 1 else ''}: {units.text(confidence, units.SHARE)} sure, "
            f"{units.text(hits, units.SHARE)} right"
        )
        shapes += BAR.format("", x, frame.y(hits), width, max(frame.height - frame.y(hits), 1), says)
        low, high = sorted((confidence, hits))
        shapes += BAR.format("gap", x, frame.y(high), width, max(frame.y(low) - frame.y(high), 1), says)
    shapes += Markup('<polyline class="line tone-8" points="0,{} {},0"/>').format(frame.height, WIDTH)
    return frame.svg(shapes, title, x_count=3)  # on a phone more labels run into each other
