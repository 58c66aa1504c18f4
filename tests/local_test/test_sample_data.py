import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from container.data.decode import decode_image
from container.errors import UserError
from local_test.sample_coats import CLASSES
from local_test.sample_data import MARKER_FILE, ORIENTATION_TAG, SampleSettings, contact_sheet, make_sample_data
from local_test.sample_pictures import LONGEST, SHORTEST

SMALL = SampleSettings(seed=3, train_per_class=4, valid_per_class=1, test_per_class=1)
COUNTS = ("train_per_class", "valid_per_class", "test_per_class")
NUM_IMAGES = len(CLASSES) * 6


def image_files(data_dir: Path) -> list[Path]:
    return sorted(path for path in data_dir.rglob("*") if path.is_file() and path.name != MARKER_FILE)


def digests(data_dir: Path) -> dict[str, str]:
    files = image_files(data_dir)
    return {path.relative_to(data_dir).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample_data(tmp_path_factory.mktemp("sample") / "data", SMALL)


def test_the_layout_is_that_of_dog_images(data_dir: Path) -> None:
    assert sorted(path.name for path in data_dir.iterdir()) == [MARKER_FILE, "test", "train", "valid"]
    for split, count in {"train": 4, "valid": 1, "test": 1}.items():
        assert sorted(path.name for path in (data_dir / split).iterdir()) == list(CLASSES)
        assert {len(list((data_dir / split / name).iterdir())) for name in CLASSES} == {count}
    assert list(CLASSES) == sorted(CLASSES)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(data_dir: Path, tmp_path: Path) -> None:
    again = digests(make_sample_data(tmp_path / "again", SMALL))
    other = digests(make_sample_data(tmp_path / "other", replace(SMALL, seed=4, train_per_class=1, valid_per_class=0)))
    assert again == digests(data_dir)
    assert not set(again.values()) & set(other.values())


def test_no_two_pictures_are_the_same(data_dir: Path) -> None:
    assert len(set(digests(data_dir).values())) == NUM_IMAGES


def test_the_files_are_as_mixed_as_a_real_collection(data_dir: Path) -> None:
    kinds, orientations, sizes = set(), set(), set()
    for path in image_files(data_dir):
        with Image.open(path) as image:
            assert (image.format == "PNG") == (path.suffix == ".png")
            kinds.add((image.format, image.mode))
            orientations.add(image.getexif().get(ORIENTATION_TAG, 1))
            sizes.add(image.size)
    assert kinds == {("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB")}
    assert orientations == {1, 3, 6, 8}
    assert min(map(min, sizes)) >= SHORTEST
    assert max(map(max, sizes)) <= LONGEST
    assert len(sizes) > NUM_IMAGES / 2
    assert {width > height for width, height in sizes} == {True, False}


def test_every_file_decodes_to_a_picture_with_contrast(data_dir: Path) -> None:
    for path in image_files(data_dir):
        pixels = decode_image(path.read_bytes()).float()
        assert pixels.shape[0] == 3
        assert pixels.std() > 10, path


def test_a_rotated_file_is_upright_once_decoded(data_dir: Path) -> None:
    turned = []
    for path in image_files(data_dir):
        with Image.open(path) as image:
            if image.getexif().get(ORIENTATION_TAG, 1) in (6, 8):
                turned.append(path)
                height, width = decode_image(path.read_bytes()).shape[1:]
                assert (width, height) == image.size[::-1]
    assert turned


def test_a_second_run_changes_nothing(data_dir: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data_dir.rglob("*")}
    assert make_sample_data(data_dir, SMALL) == data_dir
    assert {path: path.stat().st_mtime_ns for path in data_dir.rglob("*")} == before


def test_an_interrupted_run_is_completed(data_dir: Path, tmp_path: Path) -> None:
    interrupted = Path(shutil.copytree(data_dir, tmp_path / "data"))
    marker = json.loads((interrupted / MARKER_FILE).read_text())
    (interrupted / MARKER_FILE).write_text(json.dumps(marker | {"complete": False}))
    lost = image_files(interrupted)[::3]
    for path in lost:
        path.unlink()
    lost[0].with_suffix(".partial").write_bytes(b"half a pict")
    make_sample_data(interrupted, SMALL)
    assert digests(interrupted) == digests(data_dir)


def test_a_folder_made_with_other_parameters_is_refused(data_dir: Path) -> None:
    with pytest.raises(UserError, match=r"made with .*'seed': 3.*choose another folder"):
        make_sample_data(data_dir, SampleSettings(seed=9))


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"train_per_class": -1}, dict.fromkeys(COUNTS, 0)])
def test_numbers_that_make_no_pictures_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match="must not be negative, nor all counts 0"):
        SampleSettings(**wrong)


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(UserError, match="is not empty"):
        make_sample_data(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_the_contact_sheet_shows_four_pictures_of_every_class(data_dir: Path) -> None:
    side = 40
    sheet = np.asarray(contact_sheet(data_dir / "train", side)).astype(int)
    blocks = [block for row in np.split(sheet, 2) for block in np.split(row, 5, axis=1)]  # 10 classes
    pictures = [b[32 + top : 70 + top, 6 + left : 44 + left] for b in blocks for top in (0, side) for left in (0, side)]
    assert len(pictures) == 40
    assert all(picture.std() > 5 for picture in pictures)  # white, where no picture is


def test_the_command_makes_the_set_and_its_contact_sheet(tmp_path: Path) -> None:
    counts = ["--train-per-class", "1", "--valid-per-class", "0", "--test-per-class", "1"]
    command = [sys.executable, "-m", "local_test.sample_data", str(tmp_path / "data"), *counts]
    result = subprocess.run(
        [*command, "--contact-sheet", str(tmp_path / "sheet.png")], capture_output=True, text=True, check=True
    )
    assert f"The sample data is in {tmp_path / 'data'}." in result.stdout
    assert not result.stderr  # no progress bar where nobody watches
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"
    refused = subprocess.run([*command, "--seed", "1"], capture_output=True, text=True)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
