"""What is known of files by their content: which were decoded once, and need not be to know that they are images."""

import contextlib
import hashlib
import inspect
import os
from collections.abc import Iterable
from pathlib import Path

from container.data import decode

LINE_BYTES = 65  # a SHA-256 in hexadecimal, and the end of the line


class ReadableFiles:
    """Digests of readable files in a text file of `folder`; without a folder none are known and none are kept.

    The file is only ever appended to, at once and in whole lines. It is named by a digest of the code that decodes,
    so that another decoder judges for itself.
    """

    def __init__(self, folder: Path | None = None) -> None:
        version = hashlib.sha256(inspect.getsource(decode).encode()).hexdigest()[:16]
        self._path = folder / f"readable-{version}.txt" if folder is not None else None

    def known(self) -> frozenset[bytes]:
        """SHA-256 of every file that was once found readable. Damaged lines are passed over."""
        try:
            text = self._path.read_bytes() if self._path is not None else b""
        except OSError:
            return frozenset()
        found = set()
        for line in text.split(b"\n"):
            if len(line) == LINE_BYTES - 1:
                with contextlib.suppress(ValueError):
                    found.add(bytes.fromhex(line.decode("ascii", "replace")))
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
