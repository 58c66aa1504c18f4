"""The inputs that a fuzzer starts from: hostile cases, small enough to be mutated often."""

import hashlib
from pathlib import Path

from tests.hostile.case import Sent
from tests.hostile.forms import TYPE
from tests.hostile.generate import body_names, make_case

# Whatever the mutations make of a body, its type stays one of these.
TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "application/json",
    "application/jsonlines",
    TYPE + "b",
    "application/x-npy",
)
MAX_BYTES = 2**15


def content_type(number: int) -> str:
    return TYPES[number % len(TYPES)]


def write_seeds(folder: Path, seed: int, count: int) -> int:
    """How many files were written to the folder: every case among `count` that is small and of one of the types."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in body_names(seed, count):
        sent = None if name.startswith("heavy") else make_case(name).sent
        if isinstance(sent, Sent) and len(sent.body) < MAX_BYTES and sent.content_type in TYPES:
            data = bytes([TYPES.index(sent.content_type)]) + sent.body
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)  # noqa: S324  as libFuzzer names its files
    return len(list(folder.iterdir()))
