"""One view's features as a file: a header with their key and a checksum, then the numbers, to be memory-mapped.

A file holds float16, or float32 where float16 would blur what tells images apart. float16 and not bfloat16: features
are small numbers, and float16 keeps three more bits of each.
"""

import contextlib
import hashlib
import json
import os
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
HEADER_BYTES = 4096  # one page, so that the features begin on one
DTYPES = ("float16", "float32")
LARGEST_ROUNDING = 5e-4  # of the features' spread; float16 rounds them by 2e-4 of their size
PARTIAL = ".partial"  # ends the name of a file that is being written
Features = NDArray[Any]  # (N, D)


@dataclass(frozen=True)
class FeatureKey:
    """Everything that one view's features depend on, as plain values; equal keys mean equal features."""

    content: dict[str, str | int]

    @property
    def name(self) -> str:
        """Of its files: a digest of the content."""
        return hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()[:32]


def read_features(path: Path, key: FeatureKey) -> Features:
    """The features (N, D), memory-mapped. Raises OSError or ValueError where the file is not whole or not the key's."""
    with path.open("rb") as file:
        shape, dtype, checksum = _read_header(file.read(HEADER_BYTES), key)
        size, expected = os.fstat(file.fileno()).st_size, HEADER_BYTES + shape[0] * shape[1] * dtype.itemsize
        if size != expected:
            raise ValueError(f"it has {size} bytes, not {expected}")
        # Private pages: torch takes writable memory only, and nothing that is written there reaches the file.
        features = np.memmap(file, dtype, "c", HEADER_BYTES, shape)
    if zlib.crc32(features.data) != checksum:
        raise ValueError("its checksum is wrong")
    return features


def write_features(path: Path, key: FeatureKey, features: Features) -> None:
    """Write the file, whole or not at all: under a name of its own first, of which a killed writer leaves the file.

    Raises OSError.
    """
    partial = path.with_name(f"{path.stem}-{uuid.uuid4().hex}{PARTIAL}")
    try:
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


def round_features(features: Features) -> Features:
    """Features (N, D), float32, of different images: as float16 where that is close enough, else unchanged.

    It is measured by their spread around their mean, not by their size: a head with batch normalisation sees the
    differences alone, and those are small where a backbone is not trained.
    """
    with np.errstate(over="ignore"):
        rounded = features.astype(np.float16)
    spread = _root_mean_square(features - features.mean(0))
    return rounded if _root_mean_square(rounded - features) <= LARGEST_ROUNDING * spread else features


def _root_mean_square(values: Features) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))


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


def _read_header(text: bytes, key: FeatureKey) -> tuple[tuple[int, int], np.dtype[Any], int]:
    """Shape, type and checksum of the features. Raises ValueError."""
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("key") != key.content:
        raise ValueError("it holds something else")
    try:
        (rows, width), dtype, checksum = content["shape"], content["dtype"], content["crc32"]
    except (KeyError, TypeError) as error:
        raise ValueError("its header is damaged") from error
    if dtype not in DTYPES:
        raise ValueError(f"it holds {dtype}")
    return (rows, width), np.dtype(dtype), checksum
