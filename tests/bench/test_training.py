"""Both training loops, for an epoch each."""

from pathlib import Path

import pytest

from bench import floor
from bench.models import IMAGE_SIZE, make_network
from bench.photos import write_class_folders
from bench.training import NUM_CLASSES, PLAIN, bench_mode


def test_both_loops_train_the_same_images_in_turn(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", NUM_CLASSES, train=1, valid=1)
    assert len(list(data.glob("train/*/*.jpg"))) == NUM_CLASSES
    record = bench_mode("head", "train the head only", tmp_path, data, rounds=1)
    assert record.peer == PLAIN
    assert record.value > 0
    assert record.peer_value > 0


def test_the_floor_counts_a_multiplication_and_an_addition_as_two() -> None:
    # torchvision gives ResNet-18 1.81 billion multiply-adds, with 1,000 classes instead of 133.
    assert floor.operations(make_network(), IMAGE_SIZE) == pytest.approx(2 * 1.814e9, rel=0.005)
