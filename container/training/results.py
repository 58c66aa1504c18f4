"""The files that a job leaves under /opt/ml/output/data: metrics, confusion matrix, per-class report, curves."""

import csv
import json
from pathlib import Path
from typing import Any

from torch import Tensor

from container import contract
from container.training.metrics import Tally
from container.whole_file import whole_file

LABELLED_CLASSES = 40  # more class names than this cannot be read on a confusion matrix


def write_tables(folder: Path, summary: dict[str, Any], class_names: list[str], tally: Tally) -> None:
    """Write the metrics, and the confusion matrix and the per-class report of the exported model's tally."""
    write_metrics(folder, summary)
    with (folder / "confusion_matrix.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["true \\ predicted", *class_names])
        rows.writerows([name, *row] for name, row in zip(class_names, tally.confusion.tolist(), strict=True))
    with (folder / "per_class.csv").open("w", newline="") as file:
        report = csv.DictWriter(file, ["class", "support", "precision", "recall", "f1"])
        report.writeheader()
        report.writerows({"class": name, **row} for name, row in zip(class_names, tally.per_class(), strict=True))


def write_plots(folder: Path, summary: dict[str, Any], class_names: list[str], tally: Tally, split: str) -> None:
    """Draw the curves of the epochs, and the confusion matrix of the tally on the channel named `split`."""
    plot_curves(folder / "curves.png", summary["history"])
    plot_confusion(folder / "confusion_matrix.png", tally.confusion, class_names, split)


def write_metrics(folder: Path, summary: dict[str, Any]) -> None:
    """Write metrics.json alone, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / contract.METRICS_FILE) as path:
        path.write_text(json.dumps(summary, indent=2) + "\n")


def plot_curves(path: Path, history: list[dict[str, float]]) -> None:
    figure, (left, right) = _figure(1, 2, (10, 4))
    epochs = range(1, len(history) + 1)
    for axis, metric in ((left, "loss"), (right, "accuracy")):
        for split, colour in (("train", "tab:blue"), ("valid", "tab:orange")):
            values = [record[f"{split}_{metric}"] for record in history]
            axis.plot(epochs, values, marker="o", color=colour, label=split)
        axis.set(xlabel="epoch", ylabel=metric, title=f"{metric} per epoch")
        axis.grid(alpha=0.3)
        if history:
            axis.legend()
    right.set_ylim(0, 1)
    figure.savefig(path, dpi=110)


def plot_confusion(path: Path, confusion: Tensor, class_names: list[str], split: str) -> None:
    side = min(12, max(4, 0.45 * len(class_names)))
    figure, axis = _figure(1, 1, (side + 1.5, side))
    shares = confusion.double() / confusion.sum(1, keepdim=True).clamp(min=1)
    picture = axis.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    axis.set(xlabel="predicted", ylabel="true", title=f"confusion on {split}, share of each true class")
    if len(class_names) <= LABELLED_CLASSES:
        axis.set_xticks(range(len(class_names)), class_names, rotation=90)
        axis.set_yticks(range(len(class_names)), class_names)
    figure.colorbar(picture, shrink=0.8)
    figure.savefig(path, dpi=110)


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    # Imported here: it takes half a second, and only the main process plots. No pyplot: no global state, no display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)
