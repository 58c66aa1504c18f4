"""What is known of files by their content: which were decoded once, and need not be to know that they are images."""

import contextlib
import hashlib
import inspect
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from container.data import decode

PREFIX, SUFFIX = "readable-", ".txt"
DIGEST_CHARACTERS = 64  # of a SHA-256 in hexadecimal


class ReadableFiles:
    """Digests of readable files in a text file of `folder`, and in one of `channel`, which is only read.

    The file is only ever appended to, at once and in whole lines. It is named by a digest of the code that decodes,
    so that another decoder judges for itself. Without folders nothing is known and nothing is kept.
    """

    def __init__(self, folder: Path | None = None, channel: Path | None = None) -> None:
        version = hashlib.sha256(inspect.getsource(decode).encode()).hexdigest()[:16]
        name = f"{PREFIX}{version}{SUFFIX}"
        self._path = folder / name if folder is not None else None
        self._channel_path = channel / name if channel is not None else None

    def known(self) -> frozenset[bytes]:
        """SHA-256 of every file that was once found readable. Damaged lines are passed over."""
        found: set[bytes] = set()
        for path in filter(None, (self._path, self._channel_path)):
            with contextlib.suppress(OSError):
                found.update(_digests(path.read_bytes()))
        return frozenset(found)

    def add(self, digests: Iterable[bytes]) -> None:
        """Remember these too. Where that is not possible, the next job decodes them again."""
        text = "".join(digest.hex() + "\n" for digest in digests).encode()
        if self._path is None or not text:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(descriptor, b"\n" + text)  # the first byte ends a line that someone could not finish
            finally:
                os.close(descriptor)


def _digests(text: bytes) -> Iterator[bytes]:
    for line in text.split(b"\n"):
        if len(line) == DIGEST_CHARACTERS:
            with contextlib.suppress(ValueError):
                yield bytes.fromhex(line.decode("ascii", "replace"))
