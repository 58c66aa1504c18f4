import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from container.data.decode import decode_image
from local_test.report.fingerprint import Fingerprint, fingerprint
from local_test.report.look_alikes import MOST_BITS, find_look_alikes
from local_test.report.pictures import Picture, read_picture
from tests.local_test.report.made_run import write_picture

SIZE = (180, 130)


def picture(path: Path, split: str, label: str = "cat") -> Picture:
    return read_picture(Picture(file=path, path=f"{split}/{label}/{path.name}", split=split, label=label))


def with_bits(split: str, bits: int, name: str, colours: bytes | None = None) -> Picture:
    """A picture that is known by its fingerprint alone."""
    shades = colours or np.arange(768, dtype=np.uint16).astype(np.uint8).tobytes()
    looks = Fingerprint(name.encode(), bits, shades)
    return Picture(file=Path(name), path=f"{split}/{name}", split=split, label="cat", looks=looks)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half.jpg": lambda image: image.resize((image.width // 2, image.height // 2)),
    "double.png": lambda image: image.resize((image.width * 2, image.height * 2)),
    "brighter.jpg": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "flatter.webp": lambda image: ImageEnhance.Contrast(image).enhance(0.85),
    "compressed.webp": lambda image: image,
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_found_in_another_size_format_or_light(tmp_path: Path, name: str) -> None:
    others = [picture(write_picture(tmp_path / f"{seed}.jpg", seed, SIZE), "train") for seed in range(40)]
    with Image.open(others[7].file) as image:
        COPIES[name](image).save(tmp_path / name, quality=60)
    copy = picture(tmp_path / name, "test")
    (pair,) = find_look_alikes([*others, copy]).pairs
    assert (pair.picture, pair.other, pair.is_same_file) == (copy, others[7], False)
    assert pair.bits <= MOST_BITS


def test_pictures_that_only_have_something_in_common_are_no_pair(tmp_path: Path) -> None:
    images = [
        picture(write_picture(tmp_path / f"{seed}.jpg", seed, SIZE), "test" if seed % 2 else "train")
        for seed in range(300)
    ]
    assert find_look_alikes(images).pairs == []


def test_the_same_file_is_found_even_if_it_is_blank(tmp_path: Path) -> None:
    Image.new("RGB", (50, 50), "white").save(tmp_path / "white.png")
    Image.new("RGB", (60, 50), "grey").save(tmp_path / "grey.png")
    white, again, grey = (
        picture(tmp_path / "white.png", "train"),
        picture(tmp_path / "white.png", "valid", "dog"),
        picture(tmp_path / "grey.png", "test"),
    )
    (pair,) = find_look_alikes([white, again, grey]).pairs  # a blank picture is like any other, which says nothing
    assert (pair.picture, pair.other, pair.is_same_file) == (again, white, True)


def test_look_alikes_within_a_split_are_no_leak() -> None:
    assert find_look_alikes([with_bits("test", 5, "a"), with_bits("test", 5, "b")]).pairs == []
    assert find_look_alikes([]).pairs == []


def test_train_counts_before_valid_and_the_nearest_first() -> None:
    pictures = [
        with_bits("valid", 0, "next"),
        with_bits("train", 0b111, "far"),
        with_bits("train", 0b1, "near"),
        with_bits("test", 0, "here"),
    ]
    found = find_look_alikes(pictures)
    (pair,) = found.between("test", "train")
    assert (pair.other.file.name, pair.bits) == ("near", 1)
    assert [pair.other.file.name for pair in found.between("valid", "train")] == ["near"]
    assert found.between("test", "valid") == []


def test_every_pair_of_seven_bits_is_found_and_none_of_eight() -> None:
    random = np.random.default_rng(0)
    pictures, expected = [], set()
    for number in range(400):
        bits = int(random.integers(0, 2**63)) * 2 + number % 2
        differing = 1 + number % 8
        flipped = sum(1 << int(place) for place in random.choice(64, differing, replace=False))
        pictures += [with_bits("train", bits, f"train{number}"), with_bits("test", bits ^ flipped, f"test{number}")]
        if differing <= MOST_BITS:
            expected.add((f"test{number}", f"train{number}", differing))
    found = find_look_alikes(pictures)
    assert found.is_whole
    assert {(pair.picture.file.name, pair.other.file.name, pair.bits) for pair in found.pairs} == expected


def test_what_is_not_compared_is_told_and_pictures_with_few_like_them_come_first() -> None:
    alike = [with_bits("train" if number % 2 else "test", 0, f"plain{number}") for number in range(400)]
    rare = [with_bits("train", 2**63 + 12345, "rare"), with_bits("test", 2**63 + 12345, "copy")]
    found = find_look_alikes([*alike, *rare], most_comparisons=4 * 17 * 1000)
    assert not found.is_whole
    assert "copy" in {pair.picture.file.name for pair in found.pairs}
    assert find_look_alikes([*alike, *rare]).is_whole


def test_a_fingerprint_is_of_what_a_person_sees(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "straight.png", 3, SIZE)
    with Image.open(path) as image:
        exif = Image.Exif()
        exif[0x0112] = 6  # lies on its side, and is turned when it is shown
        body = io.BytesIO()
        image.rotate(90, expand=True).save(body, "JPEG", quality=95, exif=exif)
    straight, turned = path.read_bytes(), body.getvalue()
    one, other = (fingerprint(each, decode_image(each)) for each in (straight, turned))
    assert (one.bits ^ other.bits).bit_count() <= 2
    assert one.digest != other.digest
