import io
import shutil
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from container.errors import UserError
from deploy.context import Context
from deploy.errors import DeployError
from deploy.job import fetch_results
from deploy.job.fetch_results import fetch_model
from tests.aws.jobs_stub import archive


def context(archive_path: Path) -> Context:
    """A context whose S3 holds this one file, whatever it is asked for."""
    client = SimpleNamespace(download_file=lambda _bucket, _key, path: shutil.copy(archive_path, path))
    return cast(Context, SimpleNamespace(aws=SimpleNamespace(client=lambda _: client, region="us-east-1")))


def fetch(tmp_path: Path, content: bytes) -> Any:
    (tmp_path / "stored").write_bytes(content)
    return fetch_model(context(tmp_path / "stored"), "s3://bucket/model.tar.gz", tmp_path / "run")


def fetched(tmp_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tmp_path / "run/model").iterdir() if path.suffix == ".pt"}


def test_the_models_forms_are_unpacked_and_nothing_else(tmp_path: Path) -> None:
    model = fetch(
        tmp_path, archive({"./model.pt": b"weights", "model-int8.pt": b"fewer", "notes.txt": b"x", "a/model.pt": b"y"})
    )
    assert model.read_bytes() == b"weights"
    assert fetched(tmp_path) == {"model.pt": b"weights", "model-int8.pt": b"fewer"}


@pytest.mark.parametrize("name", ["../model.pt", "/model.pt"])
def test_an_archive_whose_names_lead_elsewhere_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="its name leads out of the folder"):
        fetch(tmp_path, archive({"model.pt": b"weights", name: b"other"}))
    assert fetched(tmp_path) == {}


def test_a_link_in_the_models_place_leaves_nothing(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        link = tarfile.TarInfo("model.pt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(link)
    with pytest.raises(UserError, match="it is a link, to '/etc/passwd'"):
        fetch(tmp_path, buffer.getvalue())
    assert fetched(tmp_path) == {}


def test_an_archive_that_inflates_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_results, "MAX_MODEL_BYTES", 1_000_000)
    with pytest.raises(UserError, match="unpacks to 2000000 bytes, more than the 1000000"):
        fetch(tmp_path, archive({"model.pt": bytes(2_000_000)}))
    assert fetched(tmp_path) == {}


def test_a_damaged_archive_ends_in_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"s3://bucket/model\.tar\.gz is damaged"):
        fetch(tmp_path, archive({"model.pt": bytes(range(256)) * 900})[:600])
    assert fetched(tmp_path) == {}
