import os
from pathlib import Path

import pytest
from PIL import Image

from container.errors import ChannelError
from local_test.report.album import fill, thumbnail
from local_test.report.pictures import find_pictures, read_pictures
from tests.job_folder import JobFolder, write_class_folders
from tests.local_test.report.made_run import write_picture


def test_files_of_all_channels_are_found_under_the_names_that_the_job_gives_them(tmp_path: Path) -> None:
    for channel in ("train", "validation", "test"):
        write_class_folders(tmp_path / "input" / "data" / channel, 2)
    (tmp_path / "input" / "data" / "pretrained").mkdir()
    found = read_pictures(find_pictures(tmp_path, None, 0.1))
    assert {picture.split for picture in found} == {"train", "valid", "test"}
    assert len(found) == 18
    assert {picture.path for picture in found if picture.split == "valid"} == {
        f"validation/{name}/{index:03d}.jpg" for name in ("001.Red", "002.Green", "003.Blue") for index in range(2)
    }
    assert all(picture.looks and picture.width and picture.num_bytes for picture in found)


def test_valid_images_are_split_from_train_as_the_job_does_it(job_folder: JobFolder) -> None:
    job_folder.add_channels(train=8).configure(valid_share=0.25, num_epochs=1).train()
    found = find_pictures(job_folder.base_dir, None, 0.25)
    rows = (job_folder.output_dir / "data" / "predictions.csv").read_text().splitlines()[1:]
    assert {picture.path for picture in found if picture.split == "valid"} == {row.split(",")[1] for row in rows}
    assert sum(picture.split == "train" for picture in found) == 18


def test_a_single_channel_may_hold_all_splits(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_class_folders(tmp_path / "input" / "data" / "train" / split, 5)
    paths = {picture.split: picture.path for picture in find_pictures(tmp_path, None, 0.2)}
    assert paths.keys() == {"train", "valid", "test"}
    assert paths["test"].startswith("train/test/")
    assert paths["valid"].startswith("train/train/")


def test_images_may_lie_elsewhere_as_after_a_job_in_a_container(tmp_path: Path) -> None:
    (tmp_path / "run" / "input" / "data" / "train").mkdir(parents=True)  # where it was mounted
    assert find_pictures(tmp_path / "run", None, 0.1) == []
    assert find_pictures(tmp_path / "no run", None, 0.1) == []
    for split in ("train", "valid"):
        write_class_folders(tmp_path / "data" / split, 1)
    assert {picture.path.partition("/")[0] for picture in find_pictures(tmp_path / "run", tmp_path / "data", 0.1)} == {
        "train",
        "valid",
    }
    with pytest.raises(ChannelError, match="holds no images to train on"):
        find_pictures(tmp_path / "run", tmp_path / "run" / "input" / "data" / "train", 0.1)


def test_files_that_are_no_images_are_named_with_the_reason(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write_class_folders(tmp_path / "input" / "data" / split, 1)
    folder = tmp_path / "input" / "data" / "train" / "001.Red"
    (folder / "text.jpg").write_text("no picture")
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jpg")).write_bytes(b"")
    found = read_pictures(find_pictures(tmp_path, None, 0.1))
    reasons = {picture.path: picture.reason for picture in found if picture.reason}
    assert reasons.keys() == {f"train/001.Red/{name}" for name in ("text.jpg", "gone.jpg", "\udcff.jpg")}
    assert "not a JPEG" in reasons["train/001.Red/text.jpg"]
    assert reasons["train/001.Red/gone.jpg"] == "cannot be read: No such file or directory"


def test_many_pictures_are_read_in_processes_and_keep_their_order(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write_class_folders(tmp_path / "input" / "data" / split, 12)
    found = find_pictures(tmp_path, None, 0.1)
    assert len(found) == 72
    assert [picture.path for picture in read_pictures(found)] == [picture.path for picture in found]


def test_a_small_picture_keeps_its_shape_and_is_no_larger_than_its_place(tmp_path: Path) -> None:
    source = thumbnail(write_picture(tmp_path / "wide.png", 1, (400, 200)))
    assert source is not None
    assert source.startswith("data:image/jpeg;base64,")
    assert len(source) < 8000
    assert thumbnail(tmp_path / "gone.png") is None


def test_an_album_is_filled_in_order_until_it_is_full_and_tells_what_it_lacks(tmp_path: Path) -> None:
    wanted = [(f"test/{seed}", write_picture(tmp_path / f"{seed}.jpg", seed, (200, 150))) for seed in range(8)]
    wanted.insert(1, ("test/gone", tmp_path / "gone.jpg"))
    whole = fill([*wanted, *wanted])
    assert (len(whole.sources), whole.num_left_out, whole.lost) == (8, 0, {"test/gone"})
    assert whole.why_absent("test/gone") == "This file can no longer be read."
    size = len(whole.sources["test/0"]) + len(whole.sources["test/1"])
    part = fill(wanted, most_bytes=size)
    assert list(part.sources) == ["test/0", "test/1"]
    assert part.num_left_out == 6
    assert part.why_absent("test/5") == "There was no room for this picture."
    assert part.why_absent("train/0") == "This picture is not at hand."
    assert (part.number("test/1"), part.number("test/5"), part.why_absent("test/0")) == (1, -1, "")


def test_grey_and_transparent_pictures_have_colours_too(tmp_path: Path) -> None:
    folder = tmp_path / "input" / "data" / "train" / "cat"
    folder.mkdir(parents=True)
    for mode in ("L", "RGBA", "P", "I;16"):
        Image.new(mode, (40, 30)).save(folder / f"{mode[0]}.png")
    write_class_folders(tmp_path / "input" / "data" / "valid", 1)
    found = [picture for picture in read_pictures(find_pictures(tmp_path, None, 0.1)) if picture.split == "train"]
    assert [len(picture.looks.colours) for picture in found if picture.looks] == [768] * 4
