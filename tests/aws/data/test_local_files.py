import os
from pathlib import Path

import pytest

from deploy.data.local_files import count_by_channel, list_channels
from deploy.errors import DeployError


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """A channel's folder with one image of class `a`."""
    put(tmp_path / "train/a/1.jpg")
    return tmp_path / "train"


def put(path: Path, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def names(folder: Path) -> list[str]:
    return [file.name for file in list_channels({"train": folder})]


def test_files_are_named_by_channel_and_class(train: Path) -> None:
    put(train.parent / "valid/a/2.jpg", b"xyz")
    files = list_channels({"train": train, "valid": train.parent / "valid"})
    assert [(file.name, file.size) for file in files] == [("train/a/1.jpg", 1), ("valid/a/2.jpg", 3)]
    assert count_by_channel(files) == {"train": 1, "valid": 1}


def test_spaces_signs_and_other_alphabets_are_kept(train: Path) -> None:
    for name in ("ein Bild+100%.jpg", "собака.jpg", "犬&?.jpg", "new\nline.jpg"):
        put(train / "a" / name)
    assert names(train) == sorted(
        [
            "train/a/1.jpg",
            "train/a/ein Bild+100%.jpg",
            "train/a/new\nline.jpg",
            "train/a/собака.jpg",
            "train/a/犬&?.jpg",
        ]
    )


def test_hidden_files_and_what_desktops_leave_stay_at_home(train: Path) -> None:
    for name in (".DS_Store", "a/.hidden.jpg", ".git/config", "a/.ipynb_checkpoints/1.jpg", "a/Thumbs.db"):
        put(train / name)
    assert names(train) == ["train/a/1.jpg"]


def test_links_are_followed_to_files_and_folders(train: Path) -> None:
    put(train.parent / "elsewhere/3.jpg", b"three")
    (train / "b").symlink_to(train.parent / "elsewhere", target_is_directory=True)
    (train / "a/3.jpg").symlink_to(train.parent / "elsewhere/3.jpg")
    files = list_channels({"train": train})
    assert [(file.name, file.size) for file in files][1:] == [("train/a/3.jpg", 5), ("train/b/3.jpg", 5)]


@pytest.mark.parametrize(
    ("target", "sentence"),
    [("nowhere", r"train/a/link is a link to nothing"), ("..", r"train/a/link is a link to a folder that it lies in")],
)
def test_a_link_that_leads_nowhere_or_back_is_named(train: Path, target: str, sentence: str) -> None:
    (train / "a/link").symlink_to(target)
    with pytest.raises(DeployError, match=sentence):
        list_channels({"train": train})


def test_a_link_to_itself_is_named(train: Path) -> None:
    (train / "a/link").symlink_to("link")
    with pytest.raises(DeployError, match=r"train/a/link"):
        list_channels({"train": train})


def test_an_empty_channel_is_named(train: Path) -> None:
    (train.parent / "valid/a").mkdir(parents=True)
    with pytest.raises(DeployError, match=r"Channel valid \(.*\) holds no files"):
        list_channels({"train": train, "valid": train.parent / "valid"})


def test_names_that_s3_cannot_hold_are_refused(train: Path) -> None:
    for part in range(4):
        put(train / "/".join(["a", *(["d" * 250] * (part + 1))]) / "x.jpg")
    with pytest.raises(DeployError, match="too long for S3"):
        list_channels({"train": train})


def test_a_name_that_is_not_utf8_is_refused(train: Path) -> None:
    Path(os.fsdecode(os.fsencode(train / "a") + b"/\xff.jpg")).write_bytes(b"x")
    with pytest.raises(DeployError, match="is not UTF-8"):
        list_channels({"train": train})
