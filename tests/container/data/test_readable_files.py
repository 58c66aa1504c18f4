import hashlib
from pathlib import Path

import pytest

from container.data import channels, readable_files
from container.data.channels import read_channel
from container.data.readable_files import PREFIX, ReadableFiles
from tests.job_folder import CLASS_NAMES, write_class_folders

ONE, TWO, THREE = (hashlib.sha256(text).digest() for text in (b"1", b"2", b"3"))


def the_file(folder: Path) -> Path:
    (path,) = folder.glob(PREFIX + "*")
    return path


def test_what_was_added_is_known_to_whoever_uses_the_folder(tmp_path: Path) -> None:
    ReadableFiles(tmp_path / "features").add([ONE])
    ReadableFiles(tmp_path / "features").add([TWO, THREE])
    assert ReadableFiles(tmp_path / "features").known() == {ONE, TWO, THREE}
    assert ReadableFiles(tmp_path / "other").known() == set()


def test_without_a_folder_nothing_is_known_or_kept() -> None:
    files = ReadableFiles()
    files.add([ONE])
    assert files.known() == set()


def test_what_the_channel_knows_is_known_too_and_the_channel_is_not_written_to(tmp_path: Path) -> None:
    ReadableFiles(tmp_path / "channel").add([ONE])
    before = the_file(tmp_path / "channel").read_bytes()
    files = ReadableFiles(tmp_path / "features", tmp_path / "channel")
    files.add([TWO])
    assert files.known() == {ONE, TWO}
    assert the_file(tmp_path / "channel").read_bytes() == before


def test_a_line_that_was_not_finished_is_passed_over_and_spoils_no_other(tmp_path: Path) -> None:
    files = ReadableFiles(tmp_path)
    files.add([ONE])
    with the_file(tmp_path).open("ab") as file:
        file.write(TWO.hex().encode()[:40])
    files.add([THREE])
    assert files.known() == {ONE, THREE}


@pytest.mark.parametrize("line", [b"", b"x" * 64, b"\xff" * 64, b"0" * 65])
def test_lines_that_hold_no_digest_are_passed_over(tmp_path: Path, line: bytes) -> None:
    files = ReadableFiles(tmp_path)
    files.add([ONE])
    with the_file(tmp_path).open("ab") as file:
        file.write(line + b"\n")
    assert files.known() == {ONE}


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    files = ReadableFiles(tmp_path / "file" / "features")
    files.add([ONE])
    assert files.known() == set()


def test_another_decoder_judges_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ReadableFiles(tmp_path).add([ONE])
    monkeypatch.setattr(readable_files, "decode", channels)  # other code
    assert ReadableFiles(tmp_path).known() == set()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every file's content that a channel has decoded."""
    found: list[bytes] = []
    original = channels.decode_image

    def decode_and_count(body: bytes) -> object:
        found.append(body)
        return original(body)

    monkeypatch.setattr(channels, "decode_image", decode_and_count)
    return found


def test_a_channel_decodes_what_is_new_and_comes_to_the_same_result(tmp_path: Path, decoded: list[bytes]) -> None:
    root, readable = write_class_folders(tmp_path / "train", 2), ReadableFiles(tmp_path / "features")
    bad = root / CLASS_NAMES[0] / "bad.jpg"
    bad.write_bytes(b"bad")
    first = read_channel("train", root, max_corrupt_share=0.2, readable=readable)
    assert len(decoded) == 7
    (root / CLASS_NAMES[0] / "000.jpg").rename(root / CLASS_NAMES[2] / "new.jpg")
    second = read_channel("train", root, max_corrupt_share=0.2, readable=readable)
    assert decoded[7:] == [b"bad"]  # an unreadable file may have had a bad moment
    assert second == read_channel("train", root, max_corrupt_share=0.2)
    assert [path for path, _ in first.unreadable] == [path for path, _ in second.unreadable] == [bad]


def test_processes_know_what_is_readable_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, readable = write_class_folders(tmp_path / "train", 2), ReadableFiles(tmp_path / "features")
    expected = read_channel("train", root, max_corrupt_share=0, workers=2, readable=readable)

    def refuse(body: bytes) -> None:
        raise AssertionError("it is known")

    monkeypatch.setattr(channels, "decode_image", refuse)
    assert read_channel("train", root, max_corrupt_share=0, workers=2, readable=readable) == expected
