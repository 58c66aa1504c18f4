import hashlib
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from container.data.channels import Channel, read_channel, split_channel, split_roots
from container.errors import ChannelError
from container.stop import Stopped
from tests.as_nobody import as_nobody
from tests.job_folder import CLASS_NAMES, write_class_folders, write_picture


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A channel of three classes with four pictures each."""
    return write_class_folders(tmp_path / "train", 4)


def read(root: Path, max_corrupt_share: float = 0.0, **options: object) -> Channel:
    return read_channel("train", root, max_corrupt_share=max_corrupt_share, **options)  # type: ignore[arg-type]


def spoil(root: Path) -> dict[str, Path]:
    """Five files among the pictures that are no pictures, each in another way."""
    first = root / CLASS_NAMES[0]
    whole = (first / "000.jpg").read_bytes()
    bad = {
        "empty": (first / "a.jpg", b""),
        "text": (first / "notes.txt", b"hello"),
        "truncated": (first / "b.jpg", whole[: len(whole) // 2]),
        "zip": (first / "c.png", b"PK\x03\x04" + bytes(100)),
        "gif": (first / "d.gif", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
    }
    for path, content in bad.values():
        path.write_bytes(content)
    return {name: path for name, (path, _) in bad.items()}


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_every_picture_is_found_with_the_class_of_its_folder(root: Path) -> None:
    channel = read(root)
    assert channel.class_names == CLASS_NAMES
    assert len(channel) == 12
    assert all(
        channel.class_names[label] == path.parent.name
        for path, label in zip(channel.files, channel.labels, strict=False)
    )
    assert channel.counts() == dict.fromkeys(CLASS_NAMES, 4)
    assert channel.unreadable == ()


def test_pictures_in_folders_below_a_class_folder_belong_to_the_class(root: Path) -> None:
    write_picture(root / CLASS_NAMES[1] / "more" / "deep.jpg", (0, 200, 0))
    assert read(root).counts()[CLASS_NAMES[1]] == 5


def test_files_that_are_no_pictures_are_skipped_with_path_and_reason(root: Path) -> None:
    bad = spoil(root)
    channel = read(root, max_corrupt_share=0.5)
    reasons = dict(channel.unreadable)
    assert set(reasons) == set(bad.values())
    assert "empty" in reasons[bad["empty"]]
    assert "not a JPEG, PNG or WebP" in reasons[bad["text"]]
    assert "damaged" in reasons[bad["truncated"]]
    assert len(channel) == 12


def test_the_share_of_unreadable_files_may_be_reached_but_not_passed(root: Path) -> None:
    (root / CLASS_NAMES[0] / "empty.jpg").touch()  # 1 of 13
    assert len(read(root, max_corrupt_share=1 / 13)) == 12
    with pytest.raises(ChannelError, match="1 of 13 files are not readable images") as caught:
        read(root, max_corrupt_share=1 / 14)
    assert f"{CLASS_NAMES[0]}/empty.jpg" in str(caught.value)
    assert "max_corrupt_share=0.0714286" in str(caught.value)


def test_nothing_is_ever_deleted_or_changed(root: Path) -> None:
    spoil(root)
    before = snapshot(root)
    read(root, max_corrupt_share=0.5)
    with pytest.raises(ChannelError):
        read(root)
    assert snapshot(root) == before


def test_processes_come_to_the_same_verdicts_as_no_processes(root: Path) -> None:
    spoil(root)
    assert read(root, max_corrupt_share=0.5, workers=2) == read(root, max_corrupt_share=0.5)


def test_a_file_that_may_not_be_read_is_reported(root: Path) -> None:
    dangling = root / CLASS_NAMES[0] / "folder.jpg"
    dangling.symlink_to("/proc/self/mem")  # a file that even root cannot read from its start
    reasons = dict(read(root, max_corrupt_share=0.5).unreadable)
    assert reasons[dangling].startswith("cannot be read: ")


def test_links_that_lead_nowhere_are_reported_and_not_passed_over(root: Path) -> None:
    folder = root / CLASS_NAMES[0]
    (folder / "broken.jpg").symlink_to(folder / "gone.jpg")
    (folder / "circle.jpg").symlink_to(folder / "circle.jpg")
    channel = read(root, max_corrupt_share=0.5)
    assert dict(channel.unreadable) == {
        folder / "broken.jpg": "cannot be read: No such file or directory",
        folder / "circle.jpg": "cannot be read: Too many levels of symbolic links",
    }
    with pytest.raises(ChannelError, match=r"2 of 14 files are not .*/broken\.jpg: cannot be read: No such file"):
        read(root)


def test_a_link_to_a_picture_is_a_picture_and_one_to_a_folder_above_no_endless_way(root: Path) -> None:
    folder = root / CLASS_NAMES[0]
    (folder / "linked.jpg").symlink_to(folder / "000.jpg")
    (folder / "up").symlink_to(root)
    assert read(root).counts()[CLASS_NAMES[0]] == 5


def test_a_pipe_is_no_example_and_nothing_waits_for_it(root: Path) -> None:
    os.mkfifo(root / CLASS_NAMES[0] / "pipe.jpg")
    assert len(read(root)) == 12


def test_a_name_that_is_no_text_is_read_like_any_other(root: Path) -> None:
    channel = read(root)
    path = root / CLASS_NAMES[0] / os.fsdecode(b"caf\xe9.jpg")
    shutil.copy(root / CLASS_NAMES[0] / "000.jpg", path)
    assert path in read(root).files
    assert read(root).fingerprint != channel.fingerprint


def test_a_class_whose_name_is_no_text_is_refused_as_nothing_could_answer_with_it(root: Path) -> None:
    (root / os.fsdecode(b"caf\xe9")).mkdir()
    with pytest.raises(ChannelError, match=r"the class folder 'caf\\udce9' has a name that is not UTF-8; rename it\."):
        read(root)


@pytest.mark.parametrize("closed", ["", CLASS_NAMES[0], f"{CLASS_NAMES[0]}/below"])
def test_a_folder_that_may_not_be_read_is_named_and_does_not_count_as_empty(closed: str) -> None:
    with TemporaryDirectory() as folder:  # which everybody may enter, unlike pytest's
        Path(folder).chmod(0o755)
        root = write_class_folders(Path(folder, "train"), 1)
        (root / CLASS_NAMES[0] / "below").mkdir()
        (root / closed).chmod(0)
        with as_nobody(), pytest.raises(ChannelError) as caught:
            read(root)
        assert str(caught.value) == (
            f"Channel 'train': {root / closed} cannot be read: Permission denied; see that the folder is there and that"
            " its permissions let this process in."
        )
        with as_nobody(), pytest.raises(ChannelError) if not closed else nullcontext():
            split_roots(root, None, None)


def test_a_picture_that_may_not_be_read_is_reported(root: Path) -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = write_class_folders(Path(folder, "train"), 2)
        (root / CLASS_NAMES[0] / "000.jpg").chmod(0)
        with as_nobody():
            channel = read(root, max_corrupt_share=0.5)
        assert channel.unreadable == ((root / CLASS_NAMES[0] / "000.jpg", "cannot be read: Permission denied"),)


@pytest.mark.parametrize("name", [".DS_Store", "._000.jpg", ".gitkeep", "Thumbs.db", "desktop.ini"])
def test_hidden_files_and_those_that_desktops_leave_are_no_examples(root: Path, name: str) -> None:
    before = read(root)
    (root / CLASS_NAMES[0] / name).write_bytes(b"no picture")
    assert read(root) == before


@pytest.mark.parametrize("name", [".ipynb_checkpoints", ".cache"])
def test_hidden_folders_are_no_classes(root: Path, name: str) -> None:
    write_picture(root / name / "a.jpg", (1, 2, 3))
    assert read(root).class_names == CLASS_NAMES


def test_hidden_folders_inside_a_class_hold_no_examples(root: Path) -> None:
    write_picture(root / CLASS_NAMES[0] / ".ipynb_checkpoints" / "a.jpg", (1, 2, 3))
    assert len(read(root)) == 12


def test_files_beside_the_class_folders_are_no_examples(root: Path) -> None:
    (root / "labels.csv").write_text("a,b")
    assert len(read(root)) == 12


@pytest.mark.parametrize("make", [lambda root: None, Path.mkdir, lambda root: write_picture(root / "a.jpg", (1, 2, 3))])
def test_a_channel_without_class_folders_is_named(tmp_path: Path, make: object) -> None:
    make(tmp_path / "empty")  # type: ignore[operator]
    with pytest.raises(ChannelError, match=r"Channel 'train' \(.*empty\) has no class folders; put one folder"):
        read(tmp_path / "empty")


def test_a_channel_without_a_readable_image_fails_whatever_its_share(tmp_path: Path) -> None:
    (tmp_path / "train" / "a").mkdir(parents=True)
    with pytest.raises(ChannelError, match="no readable image among its 0 files"):
        read(tmp_path / "train", max_corrupt_share=1)
    (tmp_path / "train" / "a" / "x.jpg").touch()
    with pytest.raises(
        ChannelError,
        match=r"among its 1 files; put .* images into its class folders\. First: a/x\.jpg: The image is empty",
    ):
        read(tmp_path / "train", max_corrupt_share=1)


def test_a_class_that_the_train_channel_lacks_is_named(root: Path) -> None:
    with pytest.raises(ChannelError, match=r"classes that the train channel lacks: 003\.Blue; add them to train"):
        read_channel("valid", root, max_corrupt_share=0, class_names=CLASS_NAMES[:2])


def test_labels_follow_the_train_channels_classes_where_another_channel_lacks_some(root: Path) -> None:
    shutil.rmtree(root / CLASS_NAMES[0])
    channel = read_channel("test", root, max_corrupt_share=0, class_names=CLASS_NAMES)
    assert channel.class_names == CLASS_NAMES
    assert set(channel.labels) == {1, 2}


def test_the_fingerprint_depends_on_content_name_and_nothing_else(root: Path, tmp_path: Path) -> None:
    original = read(root).fingerprint
    assert read(shutil.copytree(root, tmp_path / "copy")).fingerprint == original

    path = root / CLASS_NAMES[0] / "000.jpg"
    content = path.read_bytes()
    write_picture(path, (9, 9, 9))
    assert read(root).fingerprint != original
    path.write_bytes(content)
    assert read(root).fingerprint == original
    path.rename(path.with_name("renamed.jpg"))
    assert read(root).fingerprint != original


def test_the_content_depends_on_the_pictures_and_their_order_and_not_on_their_names(root: Path, tmp_path: Path) -> None:
    original = read(root).content
    moved = shutil.copytree(root, tmp_path / "copy")
    for folder in moved.iterdir():
        for path in folder.iterdir():
            path.rename(path.with_name(f"renamed-{path.name}"))
        folder.rename(folder.with_name(f"{folder.name}-too"))
    assert read(moved).content == original

    path = root / CLASS_NAMES[0] / "000.jpg"
    path.rename(path.with_name("999.jpg"))  # now the last of its class
    assert read(root).content != original
    path.with_name("999.jpg").rename(path)
    assert read(root).content == original
    (root / CLASS_NAMES[0] / "bad.jpg").write_bytes(b"bad")
    assert read(root, max_corrupt_share=0.5).content == original
    write_picture(path, (9, 9, 9))
    assert read(root, max_corrupt_share=0.5).content != original


def test_the_parts_of_a_split_have_contents_of_their_own(root: Path) -> None:
    channel = read(root)
    train, valid = split_channel(channel, 0.25)
    assert len({channel.content, train.content, valid.content}) == 3
    assert [hashlib.sha256(path.read_bytes()).digest() for path in valid.files] == list(valid.digests)


def test_a_stop_is_asked_for_between_files(root: Path) -> None:
    calls = []

    def stop() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        read(root, stop=stop)
    assert len(calls) == 3


def test_after_a_stop_the_rest_of_a_large_channel_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_class_folders(tmp_path / "train", {CLASS_NAMES[0]: 1})
    for number in range(400):
        (root / CLASS_NAMES[0] / f"{number}.jpg").touch()
    read_files = tmp_path / "read"
    read_files.mkdir()

    def note(path: Path, _: frozenset[bytes] = frozenset()) -> tuple[str, bytes]:
        (read_files / path.name).touch()
        return "", b""

    def stop() -> None:
        raise Stopped

    monkeypatch.setattr("container.data.channels.verify_image", note)
    with pytest.raises(Stopped):
        read(root, stop=stop, workers=1)
    assert len(list(read_files.iterdir())) < 200  # a few chunks were under way


def test_a_split_takes_its_share_of_every_class(tmp_path: Path) -> None:
    channel = read(write_class_folders(tmp_path / "train", {"001.Red": 20, "002.Green": 4, "003.Blue": 1}))
    train, valid = split_channel(channel, 0.25)
    assert valid.counts() == {"001.Red": 5, "002.Green": 1, "003.Blue": 0}
    assert train.counts() == {"001.Red": 15, "002.Green": 3, "003.Blue": 1}
    assert set(train.files) | set(valid.files) == set(channel.files)
    assert set(train.files).isdisjoint(valid.files)
    assert (train.name, valid.name) == ("train", "valid")
    assert all(
        path.parent.name == valid.class_names[label] for path, label in zip(valid.files, valid.labels, strict=False)
    )


def test_a_split_follows_its_stated_rule(root: Path) -> None:
    channel = read(root)
    _, valid = split_channel(channel, 0.5)

    def digest(path: Path) -> bytes:
        return hashlib.sha256(path.relative_to(root).as_posix().encode()).digest()

    reds = [path for path in channel.files if path.parent.name == CLASS_NAMES[0]]
    assert sorted(valid.files[:2]) == sorted(sorted(reds, key=digest)[:2])


def test_a_split_is_the_same_wherever_the_files_lie(root: Path, tmp_path: Path) -> None:
    other = shutil.copytree(root, tmp_path / "elsewhere" / "train")

    def names(root: Path) -> list[Path]:
        return [path.relative_to(root) for path in split_channel(read(root), 0.3)[1].files]

    assert names(root) == names(other)


def test_one_image_per_class_is_too_few_to_split(tmp_path: Path) -> None:
    channel = read(write_class_folders(tmp_path / "train", 1))
    with pytest.raises(ChannelError, match="one image per class, too few to split"):
        split_channel(channel, 0.5)


def test_a_channel_that_holds_train_valid_and_test_is_a_whole_data_set(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        write_class_folders(tmp_path / "dogImages" / name, 1)
    roots = split_roots(tmp_path / "dogImages", None, None)
    assert roots == {name: tmp_path / "dogImages" / name for name in ("train", "valid", "test")}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train", "bus", "test"):
        (tmp_path / "data" / name).mkdir(parents=True)
    assert split_roots(tmp_path / "data", None, None) == {"train": tmp_path / "data"}


def test_channels_of_their_own_are_the_splits(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "train", 1)
    assert split_roots(root, tmp_path / "v", None) == {"train": root, "valid": tmp_path / "v"}
