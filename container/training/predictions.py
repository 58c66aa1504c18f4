"""What the exported model makes of each image, and which files were no images: tables for whoever looks at a run."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from container import contract
from container.data.channels import Channel
from container.training.calibration import confidence
from container.whole_file import whole_file

# `path` is below input/data and begins with a channel's name: valid images may be part of the channel train.
PREDICTION_COLUMNS = ("split", "path", "class", "predicted", "probability", "true_probability", "uncalibrated")
SKIPPED_COLUMNS = ("split", "path", "reason")


def write_predictions(
    folder: Path, data_dir: Path, splits: Mapping[str, Channel], logits: Mapping[str, Tensor], temperature: float
) -> None:
    """A row per image of each channel that `logits` (N, K) has: its class, the model's, and how sure that is.

    `uncalibrated` is the probability of the predicted class without the temperature. Without logits no file is left.
    """
    path = folder / contract.PREDICTIONS_FILE
    path.unlink(missing_ok=True)  # an earlier export's, which are another model's
    if not logits:
        return
    with _table(path, PREDICTION_COLUMNS) as rows:
        for split in sorted(logits):
            rows.writerows(_predictions(splits[split], data_dir, logits[split], temperature))


def write_skipped_files(folder: Path, data_dir: Path, splits: Mapping[str, Channel]) -> None:
    """A row per file that was passed over as no readable image, with the reason; no file where there are none."""
    path = folder / contract.SKIPPED_FILES_FILE
    path.unlink(missing_ok=True)
    skipped = {
        file: (split, reason)  # both halves of a channel that was split know of all its files
        for split, channel in sorted(splits.items(), reverse=True)
        for file, reason in channel.unreadable
    }
    if not skipped:
        return
    with _table(path, SKIPPED_COLUMNS) as rows:
        rows.writerows((split, _below(data_dir, file), reason) for file, (split, reason) in sorted(skipped.items()))


def _predictions(channel: Channel, data_dir: Path, logits: Tensor, temperature: float) -> Iterator[tuple[Any, ...]]:
    labels = torch.tensor(channel.labels)
    served, trained = confidence(logits, labels, temperature), confidence(logits, labels)
    columns = (served.predicted, served.probability, served.true_probability, trained.probability)
    for path, label, *values in zip(
        channel.files, channel.labels, *(column.tolist() for column in columns), strict=True
    ):
        predicted, *probabilities = values
        names = channel.class_names[label], channel.class_names[predicted]
        yield channel.name, _below(data_dir, path), *names, *(f"{value:.6g}" for value in probabilities)


def _below(data_dir: Path, path: Path) -> str:
    return path.relative_to(data_dir).as_posix()


@contextmanager
def _table(path: Path, columns: tuple[str, ...]) -> Iterator[Any]:
    """A CSV file that is there whole or not at all. Names of files need not be text: their bytes are kept."""
    with (
        whole_file(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        rows = csv.writer(file)
        rows.writerow(columns)
        yield rows
