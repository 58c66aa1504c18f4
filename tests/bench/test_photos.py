"""The photos that benchmarks read."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.photos import CAST_LEVELS, class_cast, photo, write_class_folders


def pixels(body: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(body)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float64)


def test_a_seed_gives_the_same_photo_and_another_one_another() -> None:
    assert photo(1, (80, 60)) == photo(1, (80, 60))
    assert photo(1, (80, 60)) != photo(2, (80, 60))


@pytest.mark.parametrize("size", [(500, 375), (64, 200)])
def test_a_photo_has_the_size_asked_for_and_a_photos_mix_of_tones(size: tuple[int, int]) -> None:
    image = pixels(photo(3, size))
    assert image.shape == (size[1], size[0], 3)
    assert image.std() > 30


def test_a_photo_is_as_hard_to_decode_as_a_cameras() -> None:
    assert 1.5 < 8 * len(photo(4)) / (500 * 375) < 4  # bits per pixel


def test_classes_differ_by_the_tint_of_their_photos() -> None:
    casts = [class_cast(label, 8) for label in range(8)]
    assert len(set(casts)) == 8
    assert all(max(map(abs, cast)) == pytest.approx(CAST_LEVELS) for cast in casts)
    reds = np.mean([pixels(photo(seed, (80, 60), class_cast(0, 8))).mean((0, 1)) for seed in range(8)], axis=0)
    plain = np.mean([pixels(photo(seed, (80, 60))).mean((0, 1)) for seed in range(8)], axis=0)
    red, green, blue = reds - plain
    assert red > 20 > -20 > max(green, blue)


def test_a_data_set_has_the_dog_images_layout_and_no_photo_twice(tmp_path: Path) -> None:
    write_class_folders(tmp_path, 3, train=2, valid=1, size=(40, 30))
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg"))
    assert found[:3] == ["train/001.Class/0000.jpg", "train/001.Class/0001.jpg", "train/002.Class/0000.jpg"]
    assert found[-1] == "valid/003.Class/0002.jpg"
    assert len({path.read_bytes() for path in tmp_path.rglob("*.jpg")}) == len(found) == 9
