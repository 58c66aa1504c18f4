"""Features on disk: a file for every view of a channel, which any number of jobs may read at once.

A file holds float16 (float32 where float16 would change the features by more than a thousandth), is written under
another name and renamed, and carries its key and a checksum: what is damaged or belongs to something else is not read.
float16 and not bfloat16: features are small numbers, and float16 keeps three more bits of each.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
HEADER_BYTES = 4096  # one page, so that the features begin on one
SUFFIX = ".features"
DTYPES = ("float16", "float32")
LARGEST_ROUNDING = 1e-3  # of the features' norm; float16 rounds by 3e-4 of it
Features = NDArray[Any]  # (N, D)


@dataclass(frozen=True)
class FeatureKey:
    """Everything that one view's features depend on, as plain values; equal keys mean equal features."""

    content: dict[str, str | int]

    @property
    def name(self) -> str:
        """Of its files: a digest of the content."""
        return hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class FeatureCache:
    """`folder` is read and written, `channel` only read. Files in `folder` never take more than `limit_bytes`."""

    folder: Path
    channel: Path | None
    limit_bytes: int

    def find(self, key: FeatureKey) -> Features | None:
        """The view's features (N, D), memory-mapped, or None where no whole file has them."""
        for folder in filter(None, (self.channel, self.folder)):
            path = folder / (key.name + SUFFIX)
            try:
                features = _read(path, key)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError) as error:
                print(f"Features {path} cannot be used ({error}); they are computed anew.", flush=True)
                continue
            if folder == self.folder:
                with contextlib.suppress(OSError):
                    os.utime(path)  # the files that were used last are the last to go
            return features
        return None

    def has(self, key: FeatureKey) -> bool:
        """Whether there is a file, whole or not: `find` knows."""
        return any((folder / (key.name + SUFFIX)).exists() for folder in (self.channel, self.folder) if folder)

    @contextlib.contextmanager
    def lock(self, key: FeatureKey) -> Iterator[bool]:
        """Whether this process may compute these features now; another one that asks is refused meanwhile.

        The lock ends with the process that holds it, however that ends. Raises OSError if the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / f"{key.name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def write(self, key: FeatureKey, features: Features, keep: set[str]) -> None:
        """Keep a view's features, by whoever holds its lock. Files named in `keep` are not removed to make room.

        Raises OSError if they do not fit.
        """
        path = self.folder / (key.name + SUFFIX)
        partial = path.with_suffix(".partial")
        try:
            self._make_room(HEADER_BYTES + features.nbytes, keep | {path.name})
            with partial.open("wb") as file:
                file.write(_header(key, features))
                file.write(features.data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise

    def fits(self, num_bytes: int) -> bool:
        """Whether files of that size fit, by the limit and by the disk's free space, if older ones make way."""
        self.folder.mkdir(parents=True, exist_ok=True)
        present = sum(path.stat().st_size for path in self.folder.glob("*" + SUFFIX))
        return num_bytes <= min(self.limit_bytes, shutil.disk_usage(self.folder).free + present)

    def _make_room(self, num_bytes: int, keep: set[str]) -> None:
        files = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self.folder.glob("*" + SUFFIX))
        excess = num_bytes + sum(size for _, size, _ in files) - self.limit_bytes
        for _, size, path in files:
            if excess > 0 and path.name not in keep:
                path.unlink(missing_ok=True)  # who has mapped it can go on reading it
                excess -= size
        if excess > 0:
            raise OSError(f"more than {self.limit_bytes / 2**20:.0f} MiB are needed")


def round_features(features: Features) -> Features:
    """As float16 where that is close enough, else unchanged."""
    with np.errstate(over="ignore"):
        rounded = features.astype(np.float16)
    change = np.linalg.norm(rounded.astype(np.float32) - features)
    return rounded if change <= LARGEST_ROUNDING * np.linalg.norm(features) else features


def _header(key: FeatureKey, features: Features) -> bytes:
    content = {
        "format": FORMAT,
        "key": key.content,
        "shape": features.shape,
        "dtype": str(features.dtype),
        "crc32": zlib.crc32(features.data),
    }
    text = json.dumps(content).encode()
    assert len(text) < HEADER_BYTES, text
    return text.ljust(HEADER_BYTES)


def _read(path: Path, key: FeatureKey) -> Features:
    with path.open("rb") as file:
        header = json.loads(file.read(HEADER_BYTES))
        size = os.fstat(file.fileno()).st_size
        if header["format"] != FORMAT or header["key"] != key.content or header["dtype"] not in DTYPES:
            raise ValueError("it holds something else")
        rows, width = header["shape"]
        dtype = np.dtype(header["dtype"])
        if size != HEADER_BYTES + rows * width * dtype.itemsize:
            raise ValueError(f"it has {size} bytes, which is not what its header says")
        # Private pages: torch takes writable memory only, and nothing that is written there reaches the file.
        features = np.memmap(file, dtype, "c", HEADER_BYTES, (rows, width))
    if zlib.crc32(features.data) != header["crc32"]:
        raise ValueError("its checksum is wrong")
    return features
