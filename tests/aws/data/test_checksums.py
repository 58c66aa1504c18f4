import hashlib
from pathlib import Path

import pytest

from deploy.data import checksums
from deploy.data.checksums import Checksums, checksums_of, fingerprint, read_checksums
from deploy.data.local_files import LocalFile
from deploy.errors import DeployError


def local(path: Path, content: bytes, name: str = "train/a/1.jpg") -> LocalFile:
    path.write_bytes(content)
    return LocalFile(name, path, len(content))


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 3_000_000])
def test_a_small_file_has_its_sha256_and_its_md5_for_an_etag(tmp_path: Path, content: bytes) -> None:
    assert checksums_of(local(tmp_path / "a", content)) == Checksums(
        hashlib.sha256(content).hexdigest(), hashlib.md5(content, usedforsecurity=False).hexdigest()
    )


def test_a_big_file_has_the_etag_that_s3_gives_to_one_sent_in_parts(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(checksums, "PART_BYTES", 8)
    monkeypatch.setattr(checksums, "MULTIPART_BYTES", 16)
    monkeypatch.setattr(checksums, "BLOCK_BYTES", 4)
    content = b"0123456789abcdef01"
    digests = [hashlib.md5(part, usedforsecurity=False).digest() for part in (content[:8], content[8:16], b"01")]
    joined = hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()
    assert checksums_of(local(tmp_path / "a", content)).etag == f"{joined}-3"


def test_blocks_fill_parts_exactly() -> None:
    assert checksums.PART_BYTES % checksums.BLOCK_BYTES == 0


def test_the_fingerprint_tells_names_and_contents_but_not_places_or_times(tmp_path: Path) -> None:
    def mark(name: str, content: bytes, place: str) -> str:
        return fingerprint(read_checksums([local(tmp_path / place, content, name)]))

    assert mark("train/a/1.jpg", b"x", "one") == mark("train/a/1.jpg", b"x", "other")
    assert mark("train/a/1.jpg", b"x", "one") != mark("train/a/1.jpg", b"y", "one")
    assert mark("train/a/1.jpg", b"x", "one") != mark("train/b/1.jpg", b"x", "one")


def test_a_file_that_has_gone_is_named(tmp_path: Path) -> None:
    file = local(tmp_path / "a", b"x")
    file.path.unlink()
    with pytest.raises(DeployError, match=r"/a cannot be read \(No such file"):
        read_checksums([file])
