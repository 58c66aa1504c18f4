"""The chart of serving: this project and its peers, by concurrency, by rate of arrivals, in memory and at start."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # before pyplot is imported: no screen is needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from bench.record import LEFT_OUT, Record
from bench.serving_round import CONCURRENCIES, LARGE, RATES, SMALL

OUR_COLOURS = ("#0b4f8a", "#5aa0d6")
PEER_COLOURS = ("#8a8a8a", "#3d3d3d", "#d9822b", "#2e8b57", "#a05195", "#c0392b")
MARKERS = "oD^vsPX*"

Values = dict[str, tuple[float, float, float]]  # server -> median, lowest and highest of the rounds


def draw_serving(title: str, records: Sequence[Record], path: Path) -> None:
    """Write the chart. Points and bars are medians of the rounds; whiskers reach from the lowest to the highest."""
    left_out = [f"{record.peer} {record.name}" for record in records if record.name.startswith(LEFT_OUT)]
    compared = [record for record in records if not record.peer.startswith("floor:") and LEFT_OUT not in record.name]
    figure = plt.figure(figsize=(15.5, 9.5), layout="constrained")
    grid = figure.add_gridspec(
        2, 1, hspace=0.03
    )  # rows with margins of their own: the bars alone have names beside them
    axes = [figure.add_subfigure(grid[row, 0]).subplots(1, 3) for row in range(2)]
    panels = Panels(compared)
    small = {str(number): f"at concurrency {number}" for number in CONCURRENCIES[SMALL]}
    arrivals = {str(rate): f"at {rate} arrivals/s" for rate in RATES}
    panels.lines(axes[0][0], f"Throughput, {SMALL} JPEG (higher is better)", "requests", "concurrency", small)
    panels.lines(axes[0][1], f"99th percentile, {SMALL} JPEG (lower is better)", "latency p99", "concurrency", small)
    heading = f"99th percentile at fixed arrivals, {SMALL} JPEG (lower is better)"
    panels.lines(axes[0][2], heading, "latency p99", "arrivals/s", arrivals)
    heading = f"Throughput, {LARGE} JPEG, concurrency 16 (higher is better)"
    panels.bars(axes[1][0], heading, f"requests at concurrency 16, {LARGE}")
    panels.bars(axes[1][1], "Peak memory of all processes (lower is better)", "peak memory under load")
    panels.bars(axes[1][2], "Start to first prediction (lower is better)", "start to first prediction")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    note = "medians of alternating rounds; all peers serve fp32, with two workers each"
    figure.suptitle("\n".join([title, note, *left_out]), fontsize=11)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def values_of(name: str, records: Sequence[Record]) -> Values:
    """Each server's value of one quantity, our own first."""
    chosen = [record for record in records if record.name == name]
    ours = {record.side: (record.value, record.min, record.max) for record in chosen}
    return ours | {record.peer: (record.peer_value, record.peer_min, record.peer_max) for record in chosen}


class Panels:
    """Panels that show each server in the same colour."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        ours = list(dict.fromkeys(record.side for record in records))
        peers = list(dict.fromkeys(record.peer for record in records))
        colours = [*OUR_COLOURS[: len(ours)], *PEER_COLOURS[: len(peers)]]
        self._colours = dict(zip([*ours, *peers], colours, strict=True))

    def lines(self, axis: Axes, heading: str, quantity: str, along: str, places: dict[str, str]) -> None:
        """A quantity at several places, whose names in the records are `quantity` and each of the suffixes `places`."""
        by_place = [values_of(f"{quantity} {suffix}", self._records) for suffix in places.values()]
        for marker, (server, colour) in zip(MARKERS, self._colours.items(), strict=False):
            heights, spread = _with_spread([values[server] for values in by_place])
            axis.errorbar(
                range(len(places)), heights, spread, color=colour, marker=marker, label=server, capsize=2, elinewidth=1
            )
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.tick_params(axis="y", which="both", labelsize=8)
        axis.grid(visible=True, axis="y", alpha=0.3)
        axis.set_xticks(range(len(places)), list(places))
        axis.set_xlabel(along)
        axis.set_ylabel(self._unit(f"{quantity} {next(iter(places.values()))}"))
        _head(axis, heading)

    def bars(self, axis: Axes, heading: str, name: str) -> None:
        """One quantity of every server."""
        values = dict(reversed(values_of(name, self._records).items()))  # the first on top
        widths, spread = _with_spread(list(values.values()))
        colours = [self._colours[server] for server in values]
        axis.barh(range(len(values)), widths, color=colours, height=0.75)
        axis.errorbar(widths, range(len(values)), xerr=spread, fmt="none", ecolor="#404040", elinewidth=1, capsize=2)
        for place, (value, _, high) in enumerate(values.values()):
            text = f"{value:.3g}" if value < 1000 else f"{value:.0f}"
            axis.annotate(text, (high, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
        axis.set_yticks(range(len(values)), list(values), fontsize=8)
        axis.margins(x=0.12)
        axis.set_xlabel(self._unit(name))
        _head(axis, heading)

    def _unit(self, name: str) -> str:
        return next(record.unit for record in self._records if record.name == name)


def _with_spread(values: Sequence[tuple[float, float, float]]) -> tuple[list[float], list[list[float]]]:
    """Medians, and how far the lowest and the highest round lie from them."""
    below, above = [value - low for value, low, _ in values], [high - value for value, _, high in values]
    return [value for value, _, _ in values], [below, above]


def _head(axis: Axes, heading: str) -> None:
    axis.set_title(heading, fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
