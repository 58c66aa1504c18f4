from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from container.errors import UserError
from local_test.colour_histogram import baseline_accuracy, read_histogram


def save_noise(path: Path, colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (20, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 30, (*size, 3))
    Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)).save(path)


def save_split(folder: Path, colours: dict[str, tuple[int, int, int]], count: int, seed: int) -> Path:
    for class_index, (name, colour) in enumerate(colours.items()):
        for i in range(count):
            save_noise(folder / name / f"{i}.png", colour, seed + 100 * class_index + i)
    return folder


def test_classes_that_differ_in_colour_are_told_apart(tmp_path: Path) -> None:
    colours = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (200, 40, 40)}
    train_dir, test_dir = (save_split(tmp_path / s, colours, 6, n) for s, n in (("train", 0), ("test", 1000)))
    assert baseline_accuracy(train_dir, test_dir) == 1.0


def test_classes_of_one_colour_are_not_told_apart(tmp_path: Path) -> None:
    grey = (120, 120, 120)
    train_dir = save_split(tmp_path / "train", {"a": grey, "b": grey}, 20, 0)
    test_dir = save_split(tmp_path / "test", {"a": grey, "b": grey}, 30, 5000)
    assert 0.25 < baseline_accuracy(train_dir, test_dir) < 0.75


def test_an_unreadable_file_is_left_out(tmp_path: Path) -> None:
    colours = {"blue": (40, 60, 200), "red": (200, 40, 40)}
    train_dir, test_dir = (save_split(tmp_path / s, colours, 4, n) for s, n in (("train", 0), ("test", 1000)))
    (train_dir / "red" / "notes.txt").write_text("no image")
    assert baseline_accuracy(train_dir, test_dir) == 1.0


def test_a_folder_without_images_of_these_classes_is_named(tmp_path: Path) -> None:
    train_dir = save_split(tmp_path / "train", {"red": (200, 40, 40)}, 2, 0)
    test_dir = save_split(tmp_path / "test", {"blue": (40, 60, 200)}, 2, 0)
    with pytest.raises(UserError, match=r"test has no readable image of the classes red"):
        baseline_accuracy(train_dir, test_dir)


def test_a_histogram_is_the_same_for_an_image_and_for_its_enlargement(tmp_path: Path) -> None:
    save_noise(tmp_path / "small.png", (90, 90, 90), seed=0, size=(200, 250))
    with Image.open(tmp_path / "small.png") as small:
        small.resize((1000, 800), Image.Resampling.NEAREST).save(tmp_path / "large.png")
    small_histogram, large_histogram = (read_histogram(tmp_path / name) for name in ("small.png", "large.png"))
    assert small_histogram is not None
    assert large_histogram is not None
    np.testing.assert_allclose(large_histogram.numpy(), small_histogram.numpy(), atol=0.01)
    assert small_histogram.square().sum().item() == pytest.approx(1)
