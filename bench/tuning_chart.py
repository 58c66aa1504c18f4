"""The curve of a study: minutes of waiting over the number of trials, a line for each way to run them."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt

from bench.figure import OURS  # which chooses a backend that needs no screen
from bench.record import Record

COLOURS = ("#1f77b4", "#d9a441", "#7a7a7a", "#a05a8a")  # this project, then its peers

NOTE = "every trial with cached features is measured; of the others one or two are, and multiplied"


def draw(title: str, records: Sequence[Record], path: Path) -> None:
    """Write the chart. Each record's name begins with its number of trials; values are seconds."""
    figure, axis = plt.subplots(figsize=(8, 4.6))
    for colour, (label, points) in zip(COLOURS, lines(records).items(), strict=False):
        counts, minutes = zip(*points, strict=True)
        axis.plot(counts, minutes, marker="o", markersize=3.5, color=colour, label=label)
    axis.set(xlabel="trials", ylabel="minutes until they have ended", yscale="log", xlim=(0, None))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.legend(frameon=False)
    axis.grid(alpha=0.25, which="both")
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(f"{title}\n{NOTE}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def lines(records: Sequence[Record]) -> dict[str, list[tuple[int, float]]]:
    """By name the points (trials, minutes) of this project and of each peer."""
    found: dict[str, dict[int, float]] = {f"{OURS}, cached features": {}}
    ours = next(iter(found.values()))
    for record in records:
        count = int(record.name.split()[0])
        ours[count] = record.value / 60
        found.setdefault(record.peer, {})[count] = record.peer_value / 60
    return {label: sorted(points.items()) for label, points in found.items()}
