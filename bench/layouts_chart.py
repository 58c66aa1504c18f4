"""Requests per second of each layout of the server: a panel for each number of cores, bars by concurrency."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # before pyplot is imported: no screen is needed
from matplotlib import pyplot as plt

from bench.record import Record

COLUMNS = 2
AUTOMATIC_COLOUR = "#1f77b4"
BARS_SHARE = 0.85  # of a group's width; the rest is space


def draw_layouts(title: str, records: Sequence[Record], path: Path) -> None:
    """Write the chart of records named `CASE, concurrency N`, whose peers are layouts."""
    names = list(dict.fromkeys(record.name.rpartition(", ")[0] for record in records))
    rows = -(-len(names) // COLUMNS)
    columns = min(COLUMNS, len(names))
    figure, axes = plt.subplots(rows, columns, figsize=(7.5 * columns, 3.6 * rows), squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    for axis, name in zip(axes.flat, names, strict=False):
        own = [record for record in records if record.name.startswith(f"{name}, ")]
        groups = list(dict.fromkeys(record.name.rpartition(", ")[2] for record in own))
        bars = {"automatic": {record.name.rpartition(", ")[2]: record.value for record in own}}
        for record in own:
            bars.setdefault(record.peer, {})[record.name.rpartition(", ")[2]] = record.peer_value
        width = BARS_SHARE / len(bars)
        greys = [str(0.35 + 0.5 * number / len(bars)) for number in range(len(bars))]
        for number, (layout, values) in enumerate(bars.items()):
            places = [group + (number - (len(bars) - 1) / 2) * width for group in range(len(groups))]
            colour = AUTOMATIC_COLOUR if number == 0 else greys[number]
            axis.bar(places, [values[group] for group in groups], width * 0.92, label=layout, color=colour)
        axis.set_xticks(range(len(groups)), groups, fontsize=8)
        axis.set_ylabel(own[0].unit)
        axis.set_title(name, fontsize=10)
        axis.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))  # beside the bars
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
