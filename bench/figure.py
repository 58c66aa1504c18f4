"""Records -> a bar chart for people: this project beside its peers, a panel for each kind of quantity."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # before pyplot is imported: no screen is needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.record import Record

OURS = "this project"
COLOURS = ("#1f77b4", "#b0b0b0", "#d9a441", "#7a9e6b", "#a05a8a")  # this project, then its peers
RATIO_NOTE = "medians of alternating rounds; “as good” compares with the better peer, above 1 is better"
BARS_SHARE = 0.8  # of a group's width; the rest is space


def draw(title: str, panels: dict[str, Sequence[Record]], path: Path, columns: int = 2) -> None:
    """Write the chart. `panels` maps a panel's heading to its records.

    A bar's height is the median of the rounds, its whisker reaches from the lowest to the highest of them.
    """
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(max(6.5, 5.2 * columns), 3.4 * rows + 1.1), squeeze=False)
    for axis, (heading, records) in zip(axes.flat, panels.items(), strict=False):
        _draw_panel(axis, heading, records)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    legend = {  # a peer may take part in some panels only
        label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(legend.values()), list(legend), loc="lower center", ncols=len(COLOURS), frameon=False)
    figure.suptitle(f"{title}\n{RATIO_NOTE}", fontsize=10)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _draw_panel(axis: Axes, heading: str, records: Sequence[Record]) -> None:
    groups = list(dict.fromkeys(record.name for record in records))
    bars = _bars(records, groups)
    width = BARS_SHARE / len(bars)
    for number, (label, values) in enumerate(bars.items()):
        places = [group + (number - (len(bars) - 1) / 2) * width for group in range(len(groups))]
        heights = [value for value, _, _ in values]
        spread = [[value - low for value, low, _ in values], [high - value for value, _, high in values]]
        axis.bar(places, heights, width * 0.94, color=COLOURS[number], label=label)
        axis.errorbar(places, heights, spread, fmt="none", ecolor="#404040", elinewidth=1, capsize=2)
        for place, (value, _, high) in zip(places, values, strict=True):
            text = f"{value:.3g}" if value < 1000 else f"{value:.0f}"
            axis.annotate(text, (place, high), (0, 3), textcoords="offset points", ha="center", fontsize=8)
    axis.set_xticks(range(len(groups)), [_group_label(name, records) for name in groups], fontsize=8)
    axis.set_ylabel(records[0].unit)
    axis.margins(y=0.12)
    axis.set_title(f"{heading} ({records[0].better} is better)", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _bars(records: Sequence[Record], groups: list[str]) -> dict[str, list[tuple[float, float, float]]]:
    """For this project and each peer the value, lowest and highest of every group."""
    by_key = {(record.peer, record.name): record for record in records}
    peers = list(dict.fromkeys(record.peer for record in records))
    first = [by_key[peers[0], name] for name in groups]  # this project's values are the same beside every peer
    bars = {OURS: [(record.value, record.min, record.max) for record in first]}
    for peer in peers:
        own = [by_key[peer, name] for name in groups]
        bars[peer] = [(record.peer_value, record.peer_min, record.peer_max) for record in own]
    return bars


def _group_label(name: str, records: Sequence[Record]) -> str:
    start, at, number = name.partition(" at concurrency ")
    short = f"concurrency {number}" if at else start.partition(":")[0] if ":" in start else start.partition(",")[0]
    ratios = [record.ratio for record in records if record.name == name and record.ratio is not None]
    return f"{short}\n{min(ratios):.2f}x as good" if ratios else short
