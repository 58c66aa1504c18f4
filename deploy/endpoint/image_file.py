"""An image file as it is sent: its bytes, and what they are by their first ones, not by the file's name."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError

SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))
# Which files of a folder are images: more than the server reads, as it may be taught more, or tells what is wrong.
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
OTHER = "application/x-image"  # the server looks for itself


@dataclass(frozen=True)
class ImageFile:
    path: Path
    body: bytes
    content_type: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def read_image(path: Path) -> ImageFile:
    """Raises DeployError if the file cannot be read or is empty."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise DeployError(f"{path} cannot be read ({error.strerror}); give the path of an image.") from error
    if not body:
        raise DeployError(f"{path} is empty; give the path of an image.")
    return ImageFile(path, body, content_type(body))


def content_type(body: bytes) -> str:
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return next((name for start, name in SIGNATURES if body.startswith(start)), OTHER)
