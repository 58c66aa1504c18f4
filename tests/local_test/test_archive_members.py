import io
import tarfile
from pathlib import Path

import pytest

from container.errors import UserError
from local_test import archive_members
from local_test.archive_members import checked_members


def write_archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for member, content in members:
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def unpack(path: Path, into: Path, max_bytes: int = 1000) -> None:
    with tarfile.open(path) as archive:
        archive.extractall(into, members=checked_members(archive, path, max_bytes), filter="data")


def refusal(path: Path, into: Path, max_bytes: int = 1000) -> str:
    with pytest.raises(UserError) as caught:
        unpack(path, into, max_bytes)
    message = str(caught.value)
    assert message.startswith(f"{path} is not unpacked because of its member")
    assert message.endswith(".")
    return message


def test_files_and_folders_are_unpacked(tmp_path: Path) -> None:
    path = write_archive(
        tmp_path / "a.tar.gz", (member("data", tarfile.DIRTYPE), b""), (member("./data/x"), b"content")
    )
    unpack(path, tmp_path / "out")
    assert (tmp_path / "out/data/x").read_bytes() == b"content"


@pytest.mark.parametrize("name", ["../x", "/etc/cron.d/x", "data/../../x", "..", "data\\..\\x"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = write_archive(tmp_path / "a.tar.gz", (member(name), b"x"))
    assert "its name leads out of the folder" in refusal(path, tmp_path / "out")
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["a.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_is_refused_with_its_target(tmp_path: Path, kind: bytes) -> None:
    path = write_archive(tmp_path / "a.tar.gz", (member("data", kind, "/etc"), b""), (member("data/passwd"), b"x"))
    assert "it is a link, to '/etc'" in refusal(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = write_archive(tmp_path / "a.tar.gz", (member("data", kind), b""))
    assert "it is a device or another special file" in refusal(path, tmp_path / "out")


def test_more_bytes_than_can_be_meant_are_refused_before_they_are_written(tmp_path: Path) -> None:
    small, large = (member("small"), bytes(600)), (member("large"), bytes(5_000_000))
    path = write_archive(tmp_path / "a.tar.gz", small, large)
    assert path.stat().st_size < 10_000
    assert "unpacks to 5000600 bytes, more than the 1000 that are accepted" in refusal(path, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["small"]


def test_more_members_than_can_be_meant_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_members, "MAX_MEMBERS", 3)
    path = write_archive(tmp_path / "a.tar.gz", *[(member(f"file{number}"), b"") for number in range(4)])
    assert "'file3': it is one of more than 3 members" in refusal(path, tmp_path / "out")
