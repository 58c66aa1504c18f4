import os
import tarfile
from pathlib import Path

import pytest

from deploy.endpoint.model_archive import write_model_archive
from deploy.errors import DeployError
from tests.aws.endpoint_project import write_run


def test_the_same_model_gives_the_same_bytes_whoever_made_it_and_when(tmp_path: Path) -> None:
    first, second = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    os.utime(second / "model" / "model.pt", (1, 1))
    (second / "model" / "model.pt").chmod(0o600)
    digests = [write_model_archive(run, tmp_path / f"{run.name}.tar.gz") for run in (first, second)]
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    assert digests[0] == digests[1]


def test_another_model_gives_another_digest(tmp_path: Path) -> None:
    first, second = write_run(tmp_path / "a"), write_run(tmp_path / "b", b"others")
    assert write_model_archive(first, tmp_path / "1") != write_model_archive(second, tmp_path / "2")


def test_the_archive_holds_the_model_as_a_plain_file_of_nobody(tmp_path: Path) -> None:
    write_model_archive(write_run(tmp_path / "run"), tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        (entry,) = archive.getmembers()
        assert (entry.name, entry.uid, entry.gid, entry.mtime, entry.mode) == ("model.pt", 0, 0, 0, 0o644)
        content = archive.extractfile(entry)
        assert content is not None
        assert content.read() == b"weights"


def test_the_forms_in_fewer_bits_are_packed_too_and_nothing_else(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    for name in ("model-int8.pt", "model.partial", "notes.txt"):
        (run / "model" / name).write_bytes(name.encode())
    write_model_archive(run, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        assert archive.getnames() == ["model.pt", "model-int8.pt"]
        content = archive.extractfile("model-int8.pt")
        assert content is not None
        assert content.read() == b"model-int8.pt"


def test_a_link_to_the_model_is_packed_as_what_it_points_to(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "model" / "model.pt").rename(tmp_path / "elsewhere.pt")
    (run / "model" / "model.pt").symlink_to(tmp_path / "elsewhere.pt")
    write_model_archive(run, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        assert archive.getmember("model.pt").isreg()


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"holds no model/model\.pt"):
        write_model_archive(tmp_path, tmp_path / "model.tar.gz")
