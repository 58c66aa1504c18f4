"""The pictures that a page takes along, small, and as many as its size allows."""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from PIL import Image

from container.data.decode import decode_image
from container.errors import ImageError
from local_test.report.pictures import in_processes

SIDE = 112  # pixels of the longer side
QUALITY = 72  # of the JPEG
MOST_BYTES = 5_500_000  # of all pictures as text, which leaves 2.5 MB of 8 for the rest of the page
BATCH = 256  # made at a time: little is made in vain once the album is full


@dataclass
class Album:
    """Pictures as data: URLs by path; `num_left_out` had no room, and those in `lost` could not be read."""

    sources: dict[str, str] = field(default_factory=dict)
    num_left_out: int = 0
    lost: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)

    def number(self, path: str) -> int:
        """The picture's number on the page; -1 if it is not there."""
        return self._numbers.get(path, -1)

    def why_absent(self, path: str) -> str:
        """A sentence for the picture's place where it is not there."""
        if path in self.sources:
            return ""
        if path in self.lost:
            return "This file can no longer be read."
        return "There was no room for this picture." if path in self.wanted else "This picture is not at hand."

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {path: number for number, path in enumerate(self.sources)}


def fill(wanted: Sequence[tuple[str, Path]], most_bytes: int = MOST_BYTES) -> Album:
    """The album of (path, file), in their order until it is full; what is wanted twice is there once."""
    files, used = dict(wanted), 0
    album = Album(wanted=set(files))
    for path, source in _sources(list(files.items())):
        if source is None:
            album.lost.add(path)
            continue
        used += len(source)
        if used > most_bytes:
            break
        album.sources[path] = source
    album.num_left_out = len(files) - len(album.sources) - len(album.lost)
    return album


def _sources(items: list[tuple[str, Path]]) -> Iterator[tuple[str, str | None]]:
    for start in range(0, len(items), BATCH):
        batch = items[start : start + BATCH]
        made = in_processes(thumbnail, [file for _, file in batch], "making small pictures")
        yield from zip((path for path, _ in batch), made, strict=True)


def thumbnail(file: Path) -> str | None:
    """The picture as a JPEG of SIDE pixels, in a data: URL; None if it cannot be read any more."""
    try:
        image = decode_image(file.read_bytes(), side=SIDE)
    except (OSError, ImageError):
        return None
    small = Image.fromarray(image.permute(1, 2, 0).numpy())
    small.thumbnail((SIDE, SIDE))
    body = io.BytesIO()
    small.save(body, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(body.getvalue()).decode()
