from pathlib import Path

import pytest

from deploy.endpoint.image_file import read_image
from deploy.errors import DeployError


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF    WEBPVP8 ", "image/webp"),
        (b"II*\x00", "application/x-image"),
    ],
)
def test_an_image_is_sent_as_what_its_bytes_are(tmp_path: Path, body: bytes, content_type: str) -> None:
    (tmp_path / "picture.txt").write_bytes(body)
    assert read_image(tmp_path / "picture.txt").content_type == content_type


def test_an_empty_or_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    for name in ("empty.jpg", "missing.jpg"):
        with pytest.raises(DeployError, match=name):
            read_image(tmp_path / name)
