from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from container.data.channels import Channel
from container.errors import ChannelError
from container.training.distributed import Group
from container.training.splits import load_splits
from tests.job_folder import CLASS_NAMES, JobFolder, write_class_folders

ALONE = Group(0, 0, 1, torch.device("cpu"))


def load(folder: JobFolder) -> dict[str, Channel]:
    return load_splits(folder.settings(), ALONE, lambda: None)


def test_three_channels_are_three_splits(job_folder: JobFolder) -> None:
    splits = load(job_folder.configure().add_channels(train=4, valid=2, test=3))
    assert {name: len(channel) for name, channel in splits.items()} == {"train": 12, "valid": 6, "test": 9}


def test_the_original_projects_and_sagemakers_names_both_count(job_folder: JobFolder) -> None:
    write_class_folders(job_folder.data_dir / "training", 3)
    write_class_folders(job_folder.data_dir / "validation", 2, seed=1)
    assert {name: len(channel) for name, channel in load(job_folder.configure()).items()} == {"train": 9, "valid": 6}


def test_the_dog_images_folder_in_one_channel_is_a_whole_data_set(job_folder: JobFolder) -> None:
    for seed, name in enumerate(("train", "valid", "test")):
        write_class_folders(job_folder.data_dir / "train" / name, 2, seed)
    splits = load(job_folder.configure())
    assert set(splits) == {"train", "valid", "test"}
    assert splits["train"].class_names == CLASS_NAMES


def test_a_missing_valid_channel_is_split_from_train_and_the_rule_is_stated(
    job_folder: JobFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = load(job_folder.configure(valid_share=0.25).add_channels(train=8))
    assert splits["valid"].counts() == dict.fromkeys(CLASS_NAMES, 2)
    assert splits["train"].counts() == dict.fromkeys(CLASS_NAMES, 6)
    assert set(splits["train"].files).isdisjoint(splits["valid"].files)
    expected = "No valid channel: 6 images, 25% of each class, were split from train by the hash of their path."
    assert expected in capsys.readouterr().out


def test_a_job_without_a_train_channel_is_told_which_it_has(job_folder: JobFolder) -> None:
    write_class_folders(job_folder.data_dir / "images", 1)
    with pytest.raises(ChannelError, match=r"no channel named 'train' \(channels found: images\)"):
        load(job_folder.configure())


def test_a_job_without_any_channel_is_told_so(job_folder: JobFolder) -> None:
    with pytest.raises(ChannelError, match=r"no channel named 'train' \(channels found: none\)"):
        load(job_folder.configure())


@pytest.mark.parametrize("name", ["valid", "test"])
def test_every_other_channel_is_checked_against_the_train_channels_classes(job_folder: JobFolder, name: str) -> None:
    job_folder.configure().add_channels(train=2, **{name: 1})
    (job_folder.data_dir / name / "004.Stranger").mkdir()
    with pytest.raises(ChannelError, match=rf"Channel '{name}' .* lacks: 004\.Stranger"):
        load(job_folder)


def test_skipped_files_are_printed_by_path(job_folder: JobFolder, capsys: pytest.CaptureFixture[str]) -> None:
    job_folder.configure(max_corrupt_share=0.2).add_channels(train=4)
    bad = job_folder.data_dir / "train" / CLASS_NAMES[0] / "bad.jpg"
    bad.write_bytes(b"bad")
    splits = load(job_folder)
    assert [path for path, _ in splits["train"].unreadable] == [bad]
    assert f"Skipped {bad}: " in capsys.readouterr().out


def test_a_class_without_readable_images_is_printed(job_folder: JobFolder, capsys: pytest.CaptureFixture[str]) -> None:
    job_folder.configure().add_channels(train=3, valid=1)
    (job_folder.data_dir / "valid" / CLASS_NAMES[1] / "000.jpg").unlink()
    load(job_folder)
    assert "Channel valid has no readable image of: 002.Green." in capsys.readouterr().out


def test_a_second_host_that_lacks_files_is_told_to_replicate_its_channels(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_folder.configure().add_channels(train=2, valid=1)
    job_folder.write_config("resourceconfig.json", '{"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}')
    of_first_host = load(job_folder)
    (job_folder.data_dir / "train" / CLASS_NAMES[0] / "000.jpg").unlink()
    # What the first host would send: its list of files, one of which is not here.
    monkeypatch.setattr(Group, "from_main", lambda self, value: (True, of_first_host))
    with pytest.raises(ChannelError, match=r"This host lacks 1 of the first host's images.*FullyReplicated"):
        load_splits(job_folder.settings(), Group(1, 0, 2, torch.device("cpu")), lambda: None)


def test_nothing_in_the_channels_is_changed(job_folder: JobFolder) -> None:
    job_folder.configure().add_channels(train=3)

    def snapshot() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in job_folder.data_dir.rglob("*") if path.is_file()}

    before = snapshot()
    load(job_folder)
    assert snapshot() == before


@pytest.mark.parametrize(
    ("name", "make", "what"),
    [
        ("train", lambda path: path.write_text("a,b"), "a file"),
        ("validation", lambda path: path.write_text("a,b"), "a file"),
        ("test", lambda path: path.symlink_to("/nowhere"), "a link to nothing"),
    ],
)
def test_a_channel_that_is_no_folder_is_named_and_does_not_count_as_left_out(
    job_folder: JobFolder, name: str, make: Callable[[Path], object], what: str
) -> None:
    if name != "train":
        job_folder.add_channels(train=2)
    make(job_folder.configure().data_dir / name)
    with pytest.raises(ChannelError, match=rf"Channel '{name}' \(\S+/{name}\) is {what}; it must be a folder that"):
        load(job_folder)
