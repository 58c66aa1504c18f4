"""The chart of goals: how much of each limit is used, and which are exceeded."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt

from bench.figure import OURS  # noqa: F401  which chooses a backend that needs no screen
from bench.record import Record
from bench.reliability.goals import rows, summary

COLOURS = {True: "#2e8b57", False: "#c0392b"}
LEAST, MOST = 0.001, 10.0  # shares of a limit that are drawn
INCHES_PER_BAR = 0.27


def draw_goals(title: str, records: Sequence[Record], path: Path) -> None:
    """Write the chart: a bar for each figure that has a goal, as long as the share of the limit that it takes."""
    held = [record for record in records if record.met is not None]
    height = INCHES_PER_BAR * len(held) + 1.6
    figure, axis = plt.subplots(figsize=(13, height), layout="constrained")
    shares = [min(MOST, max(LEAST, share_of_limit(record))) for record in held]
    axis.barh(range(len(held)), shares, left=LEAST / 2, color=[COLOURS[bool(record.met)] for record in held])
    for place, (share, row) in enumerate(zip(shares, rows(held), strict=True)):
        text = f"{row[2]} ({row[3]})"
        axis.annotate(text, (share, place), (6, 0), textcoords="offset points", va="center", fontsize=7)
    axis.axvline(1, color="#404040", linewidth=1)
    axis.set_xscale("log")
    axis.set_xlim(LEAST / 2, MOST * 30)
    axis.set_xticks([0.001, 0.01, 0.1, 1, 10], ["0", "1 %", "10 %", "the limit", "10 times"])
    axis.minorticks_off()
    axis.set_yticks(range(len(held)), [f"{record.side}: {record.name}" for record in held], fontsize=7)
    axis.invert_yaxis()
    axis.margins(y=0.01)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(f"{title}\n{summary(records)}", fontsize=9, wrap=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def share_of_limit(record: Record) -> float:
    """1 where a figure is just as good as its goal, below it where it is better; 0 is as good as can be."""
    if record.ratio:
        return min(MOST, 1 / record.ratio)
    return MOST
