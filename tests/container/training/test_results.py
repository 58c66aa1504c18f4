import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from container.training.metrics import Tally
from container.training.results import plot_confusion, plot_curves, write_metrics, write_plots, write_tables
from tests.small_disk import small_disk

CLASS_NAMES = ["001.Affenpinscher", 'with "quotes", and commas', "003.Börder"]
HISTORY = [
    {"train_loss": 1.0, "valid_loss": 1.1, "train_accuracy": 0.4, "valid_accuracy": 0.3},
    {"train_loss": 0.5, "valid_loss": 0.7, "train_accuracy": 0.8, "valid_accuracy": 0.7},
]
CONFUSION = [[3, 1, 0], [0, 2, 0], [1, 0, 5]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The results of a job with three classes."""
    tally = Tally(1.0, 12.0, 12, torch.tensor(CONFUSION))
    summary: dict[str, Any] = {"test": {"accuracy": 10 / 12}, "history": HISTORY}
    write_tables(tmp_path / "data", summary, CLASS_NAMES, tally)
    write_plots(tmp_path / "data", summary, CLASS_NAMES, tally, "test")
    return tmp_path / "data"


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_every_file_is_written(folder: Path) -> None:
    names = {"metrics.json", "confusion_matrix.csv", "per_class.csv", "curves.png", "confusion_matrix.png"}
    assert {path.name for path in folder.iterdir()} == names


def test_the_metrics_are_json(folder: Path) -> None:
    assert json.loads((folder / "metrics.json").read_text()) == {"test": {"accuracy": 10 / 12}, "history": HISTORY}


def test_metrics_are_replaced_as_a_whole_or_not_at_all(folder: Path) -> None:
    write_metrics(folder, {"variants": []})
    assert json.loads((folder / "metrics.json").read_text()) == {"variants": []}
    with small_disk(100), pytest.raises(OSError, match="File too large"):
        write_metrics(folder, {"long": "x" * 1000})
    assert not list(folder.glob("*.partial"))
    assert json.loads((folder / "metrics.json").read_text()) == {"variants": []}


def test_the_confusion_matrix_names_every_row_and_column(folder: Path) -> None:
    header, *body = rows(folder / "confusion_matrix.csv")
    assert header == ["true \\ predicted", *CLASS_NAMES]
    assert [row[0] for row in body] == CLASS_NAMES
    assert [[int(cell) for cell in row[1:]] for row in body] == CONFUSION


def test_the_report_has_a_row_per_class(folder: Path) -> None:
    header, *body = rows(folder / "per_class.csv")
    assert header == ["class", "support", "precision", "recall", "f1"]
    assert [row[0] for row in body] == CLASS_NAMES
    assert [row[1] for row in body] == ["4", "2", "6"]
    assert [float(cell) for cell in body[0][2:]] == pytest.approx([0.75, 0.75, 0.75])


def is_drawn(path: Path) -> bool:
    """Whether a file is a PNG that decodes and shows more than one colour."""
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    with Image.open(path) as image:
        return bool(np.asarray(image.convert("L")).std() > 5)


def test_the_pictures_are_pngs_with_something_on_them(folder: Path) -> None:
    assert is_drawn(folder / "curves.png")
    assert is_drawn(folder / "confusion_matrix.png")
    with Image.open(folder / "curves.png") as image:
        assert image.size == (1100, 440)  # 10 x 4 inches at 110 dots per inch


def test_a_confusion_matrix_grows_with_its_classes_up_to_a_limit(tmp_path: Path) -> None:
    sizes = []
    for num_classes in (3, 20, 133):
        names = [f"{number:03d}.Breed" for number in range(num_classes)]
        plot_confusion(tmp_path / "c.png", torch.eye(num_classes, dtype=torch.int64), names, "test")
        with Image.open(tmp_path / "c.png") as image:
            sizes.append(image.size)
    assert sizes == [(605, 440), (1155, 990), (1485, 1320)]


def test_class_names_are_shown_while_they_can_be_read(tmp_path: Path) -> None:
    def picture(num_classes: int, name: str) -> bytes:
        plot_confusion(tmp_path / "c.png", torch.eye(num_classes, dtype=torch.int64), [name] * num_classes, "test")
        return (tmp_path / "c.png").read_bytes()

    assert picture(20, "Affenpinscher") != picture(20, "Beagle")
    assert picture(41, "Affenpinscher") == picture(41, "Beagle")


def test_the_diagonal_of_a_perfect_model_is_dark_and_the_rest_is_light(tmp_path: Path) -> None:
    plot_confusion(tmp_path / "c.png", torch.eye(2, dtype=torch.int64) * 7, ["a", "b"], "test")
    with Image.open(tmp_path / "c.png") as image:
        grey = np.asarray(image.convert("L")).astype(int)
    middle = grey[grey.shape[0] // 3, : grey.shape[1] // 2]
    assert middle.min() < 60  # the dark cell at the top left
    assert (grey > 240).mean() > 0.4


@pytest.mark.parametrize("history", [[], HISTORY[:1], HISTORY])
def test_curves_are_drawn_for_jobs_of_any_length(tmp_path: Path, history: list[dict[str, float]]) -> None:
    plot_curves(tmp_path / "curves.png", history)
    assert is_drawn(tmp_path / "curves.png")


def test_a_job_that_was_stopped_at_once_has_results_too(tmp_path: Path) -> None:
    write_tables(tmp_path, {"history": []}, ["a", "b"], Tally.empty(2))
    write_plots(tmp_path, {"history": []}, ["a", "b"], Tally.empty(2), "valid")
    assert is_drawn(tmp_path / "confusion_matrix.png")
    assert len(rows(tmp_path / "per_class.csv")) == 3
