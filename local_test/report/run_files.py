"""What a run has written down of itself: metrics, predictions, skipped files and the confusion matrix."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container import contract
from container.errors import UserError

DATA_DIR = Path("output") / "data"
ANEW = "the same training command writes the file anew, without training again"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the exported model made of an image. `path` begins with the name of a channel."""

    split: str
    path: str
    label: str
    predicted: str
    probability: float  # of the predicted class
    true_probability: float
    uncalibrated: float  # the probability of the predicted class without the temperature

    @property
    def is_right(self) -> bool:
        return self.label == self.predicted


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """The files of a run; empty where there is none of a kind. `classes` are those of the confusion matrix."""

    root: Path
    metrics: dict[str, Any]
    predictions: list[Prediction]
    skipped: dict[str, str]  # path below input/data -> reason
    classes: list[str]
    confusion: list[list[int]]  # [true][predicted]

    @property
    def split(self) -> str:
        """The channel that the confusion matrix is of."""
        return "test" if self.metrics.get("test") else "valid"

    @property
    def measured(self) -> list[Prediction]:
        """The predictions on that channel."""
        return [prediction for prediction in self.predictions if prediction.split == self.split]

    @property
    def hyperparameters(self) -> dict[str, Any]:
        found = self.metrics.get("hyperparameters")
        return found if isinstance(found, dict) else {}


def read_run(root: Path) -> RunFiles:
    """The files of a run that came to its end. Raises UserError that names a file that is missing or damaged."""
    folder = root / DATA_DIR
    metrics_path = folder / contract.METRICS_FILE
    if not metrics_path.is_file():
        raise UserError(
            f"{metrics_path} is not there: the job has failed or still runs; the same training command goes on with it."
        )
    try:
        metrics = json.loads(metrics_path.read_text())
    except ValueError as error:
        raise UserError(f"{metrics_path} is no JSON ({error}); the same training command writes it anew.") from error
    if not isinstance(metrics, dict):
        raise UserError(f"{metrics_path} holds no JSON object; the same training command writes it anew.")
    classes, confusion = _confusion(folder / "confusion_matrix.csv")
    return RunFiles(
        root=root,
        metrics=metrics,
        predictions=[_prediction(row, where) for row, where in _rows(folder / contract.PREDICTIONS_FILE)],
        skipped={_cell(row, "path", where): _cell(row, "reason", where) for row, where in _skipped(folder)},
        classes=classes,
        confusion=confusion,
    )


def _skipped(folder: Path) -> Iterator[tuple[dict[str, str], str]]:
    return _rows(folder / contract.SKIPPED_FILES_FILE)


def _rows(path: Path) -> Iterator[tuple[dict[str, str], str]]:
    """Rows with where they stand, for an error; none if there is no such file."""
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:  # as the job writes it
        reader = csv.DictReader(file, strict=True)
        try:
            for row in reader:
                yield row, f"{path}, line {reader.line_num}"
        except csv.Error as error:
            raise UserError(f"{path} is damaged ({error}); {ANEW}.") from error


def _cell(row: dict[str, str], column: str, where: str) -> str:
    value = row.get(column)
    if value is None:
        raise UserError(f"{where} has no value for {column}; {ANEW}.")
    return value


def _prediction(row: dict[str, str], where: str) -> Prediction:
    numbers = {}
    for column in ("probability", "true_probability", "uncalibrated"):
        text = _cell(row, column, where)
        try:
            numbers[column] = float(text)
        except ValueError as error:
            raise UserError(f"{where}: {column} is {text!r}, which is no number; {ANEW}.") from error
    return Prediction(
        split=_cell(row, "split", where),
        path=_cell(row, "path", where),
        label=_cell(row, "class", where),
        predicted=_cell(row, "predicted", where),
        **numbers,
    )


def _confusion(path: Path) -> tuple[list[str], list[list[int]]]:
    if not path.is_file():
        return [], []
    with path.open(newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    try:
        counts = [[int(cell) for cell in row[1:]] for row in rows]
    except ValueError as error:
        raise UserError(f"{path} holds what is no number ({error}); {ANEW}.") from error
    if any(len(row) != len(header) - 1 for row in counts) or len(counts) != len(header) - 1:
        raise UserError(f"{path} is no square of numbers; {ANEW}.")
    return header[1:], counts
