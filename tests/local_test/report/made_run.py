"""A run's folder as a job leaves it, made up: any number of classes, pictures, and mistakes that are known."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from container import contract

HOSTILE = "<img src=x onerror=alert(1)>&\"'"


def write_picture(path: Path, seed: int, size: tuple[int, int] = (40, 30)) -> Path:
    """A picture of some soft blots, which no other seed gives; size is (width, height)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path, quality=92)
    return path


class MadeRun:
    """`root` is the run's folder. Every class has as many images in each split; each `wrong`-th is a mistake."""

    def __init__(
        self, root: Path, classes: list[str], per_class: int = 4, wrong: int = 4, temperature: float = 1.5
    ) -> None:
        self.root, self.classes, self.temperature = root, classes, temperature
        self.data_dir, self.output_dir = root / "input" / "data", root / "output" / "data"
        self.rows: list[list[Any]] = []
        self.confusion = np.zeros((len(classes), len(classes)), int)
        for number, split in enumerate(("train", "valid", "test")):
            for label, name in enumerate(classes):
                for index in range(per_class):
                    seed = 100_000 * number + 100 * label + index
                    write_picture(self.data_dir / split / name / f"{index:03d}.jpg", seed)
                    if split != "train":
                        self._predict(split, label, index, is_wrong=index % wrong == wrong - 1)
        self.metrics: dict[str, Any] = {
            "job_name": "local",
            "num_classes": len(classes),
            "num_images": {split: per_class * len(classes) for split in ("train", "valid", "test")},
            "num_unreadable": {"train": 0, "valid": 0, "test": 0},
            "hyperparameters": {"backbone": "resnet18", "image_size": 64, "valid_share": 0.1},
            "best_epoch": 2,
            "valid": {"loss": 0.5, "accuracy": 0.75},
            "test": {"loss": 0.6, "accuracy": float(self.confusion.trace() / self.confusion.sum())},
            "temperature": temperature,
            "calibration": {"reason": "fitted on the images of the valid channel", "bins": 15},
            "history": [
                {"train_loss": 1.0, "valid_loss": 1.1, "train_accuracy": 0.4, "valid_accuracy": 0.3},
                {"train_loss": 0.5, "valid_loss": 0.7, "train_accuracy": 0.8, "valid_accuracy": 0.7},
            ],
        }
        self.write()

    def _predict(self, split: str, label: int, index: int, *, is_wrong: bool) -> None:
        predicted = (label + 1) % len(self.classes) if is_wrong else label
        probability = 0.5 + 0.49 * ((label * 7 + index * 3) % 10) / 10
        own = 0.25 * (1 - probability) if is_wrong else probability
        names = self.classes[label], self.classes[predicted]
        self.rows.append(
            [split, f"{split}/{names[0]}/{index:03d}.jpg", *names, probability, own, min(probability + 0.1, 1)]
        )
        if split == "test":
            self.confusion[label, predicted] += 1

    def write(self) -> None:
        """The files of output/data, anew."""
        self.output_dir.mkdir(parents=True, exist_ok=True)
        (self.output_dir / contract.METRICS_FILE).write_text(json.dumps(self.metrics))
        self._table(
            "confusion_matrix.csv",
            ["true \\ predicted", *self.classes],
            [[name, *row] for name, row in zip(self.classes, self.confusion.tolist(), strict=True)],
        )
        columns = ["split", "path", "class", "predicted", "probability", "true_probability", "uncalibrated"]
        self._table(contract.PREDICTIONS_FILE, columns, self.rows)

    def skip(self, *rows: tuple[str, str, str]) -> None:
        self._table(contract.SKIPPED_FILES_FILE, ["split", "path", "reason"], rows)

    def _table(self, name: str, columns: list[str], rows: Any) -> None:
        with (self.output_dir / name).open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            csv.writer(file).writerows([columns, *rows])
