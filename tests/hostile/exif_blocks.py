"""EXIF blocks that are built to lead a reader astray."""

import struct
from collections.abc import Sequence
from random import Random

from tests.hostile.case import BytesBuilder

Entry = tuple[int, int, int, int]  # tag, type, count, value or offset
TAGS = (0x0112, 0x010F, 0x0128, 0x011A, 0x011B, 0x8769, 0x8825, 0xA005, 0x927C, 0x0201, 0x0202, 0xFFFF)
OFFSETS = (0, 1, 4, 8, 10, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
COUNTS = (0, 1, 2, 4, 5, 1000, 0x10000, 0x3FFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def exif_block(
    entries: Sequence[Entry], order: str = "<", offset: int = 8, following: int = 0, num_entries: int | None = None
) -> bytes:
    """A TIFF header and one directory; `offset` is where the header says that it stands."""
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", offset)
    count = struct.pack(f"{order}H", len(entries) % 65536 if num_entries is None else num_entries)
    return (
        start
        + count
        + b"".join(struct.pack(f"{order}HHII", *item) for item in entries)
        + struct.pack(f"{order}I", following)
    )


def looping(rng: Random) -> bytes:
    """Directories whose successors and sub-directories are themselves."""
    inner = [(tag, 4, 1, rng.choice((8, 10, 0))) for tag in (0x8769, 0x8825, 0xA005, 0x0112)]
    return exif_block(inner, rng.choice("<>"), following=8)


def bad_offsets(rng: Random) -> bytes:
    entries = [
        (rng.choice(TAGS), rng.randrange(0, 15), rng.choice(COUNTS), rng.choice(OFFSETS))
        for _ in range(rng.randrange(1, 30))
    ]
    return exif_block(entries, rng.choice("<>"), rng.choice((8, 8, 8, *OFFSETS)), rng.choice(OFFSETS))


def amplifying(rng: Random) -> bytes:
    """Many tags that each claim the whole block as their value."""
    count = rng.choice((100, 2000, 5000))
    size = 10 + 12 * count
    return exif_block([(tag, 7, size, 0) for tag in range(1, count + 1)], rng.choice("<>"))


def lying_count(rng: Random) -> bytes:
    entries = [(0x0112, 3, 1, rng.randrange(0, 12))]
    return exif_block(entries, rng.choice("<>"), num_entries=rng.choice((0, 2, 100, 65535)))


def odd_orientation(rng: Random) -> bytes:
    kind, count, value = (
        rng.randrange(0, 14),
        rng.choice((1, 1, 0, 2, 0xFFFFFFFF)),
        rng.choice((*range(10), 0xFFFFFFFF)),
    )
    return exif_block([(0x0112, kind, count, value)], rng.choice("<>"))


def noise(rng: Random) -> bytes:
    return rng.choice((b"", b"II", b"MM\0*", b"II+\0", b"II*\0\xff\xff\xff\xff")) + rng.randbytes(rng.randrange(40))


BLOCKS: dict[str, BytesBuilder] = {
    "looping": looping,
    "offsets": bad_offsets,
    "amplifying": amplifying,
    "count": lying_count,
    "orientation": odd_orientation,
    "noise": noise,
}


def any_block(rng: Random) -> bytes:
    return BLOCKS[rng.choice(sorted(BLOCKS))](rng)
