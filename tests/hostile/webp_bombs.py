"""WebP files that promise, repeat or hide more than a picture has."""

import io
import struct
from functools import cache
from random import Random

from PIL import Image

from tests.hostile.case import BytesBuilder
from tests.hostile.exif_blocks import any_block
from tests.hostile.good_images import good_images


def chunk(name: bytes, content: bytes, length: int | None = None) -> bytes:
    return name + struct.pack("<I", len(content) if length is None else length) + content + b"\0" * (len(content) % 2)


def container(*chunks: bytes, length: int | None = None) -> bytes:
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content) if length is None else length) + content


def canvas(width: int, height: int, flags: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)


def giant_header(rng: Random) -> bytes:
    pixels = good_images("webp")["lossy"][12:]
    sides = [rng.choice((1, 40, 16_383, 60_000, 2**24)) for _ in range(2)]
    return container(canvas(*sides, rng.choice((0, 2, 0x10, 0xFF))), pixels)


def giant_pixels(rng: Random) -> bytes:
    """16383x16383 in the header of the pixels themselves."""
    body = bytearray(good_images("webp")[rng.choice(("lossy", "lossless"))])
    if body[12:16] == b"VP8 ":
        body[26:30] = struct.pack("<HH", rng.choice((16_383, 65_535, 0)), rng.choice((16_383, 7, 0)))
    else:
        body[21:25] = struct.pack("<I", rng.choice((0x0FFFFFFF, 0xFFFFFFFF, 0)))
    return bytes(body)


def frames(rng: Random) -> bytes:
    """Animations of many frames, empty ones, and ones outside of the canvas."""
    pixels = good_images("webp")["lossy"][12:]
    place = b"".join(rng.choice((0, 1, 20, 2**24 - 1)).to_bytes(3, "little") for _ in range(2))
    size = b"".join(rng.choice((0, 39, 27, 2**24 - 1)).to_bytes(3, "little") for _ in range(2))
    if rng.random() < 0.5:
        place, size = bytes(6), (39).to_bytes(3, "little") + (27).to_bytes(3, "little")
    frame = chunk(b"ANMF", place + size + bytes(4) + rng.choice((pixels, b"", pixels[:30])))
    return container(canvas(40, 28, 2), chunk(b"ANIM", bytes(6)), *[frame] * rng.choice((0, 1, 2, 60, 1000)))


def many_chunks(rng: Random) -> bytes:
    pixels = good_images("webp")["lossy"][12:]
    part = rng.choice(
        (chunk(b"EXIF", b""), chunk(b"junk", b""), chunk(b"ICCP", bytes(9)), pixels, chunk(b"VP8X", bytes(10)))
    )
    flood = [part] * rng.choice((2, 100, 25_000 if len(part) < 100 else 500))
    return container(canvas(40, 28, rng.choice((0, 0x28))), *rng.choice(([pixels, *flood], [*flood, pixels])))


def lying_lengths(rng: Random) -> bytes:
    body = bytearray(rng.choice(list(good_images("webp").values())))
    at = rng.choice((4, 16, body.find(b"ALPH") + 4, body.find(b"ANMF") + 4, body.find(b"EXIF") + 4))
    body[at : at + 4] = struct.pack("<I", rng.choice((0, 1, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)))
    return bytes(body)


def bits(rng: Random) -> bytes:
    """A good header and noise: the lossless decoder's own codes, and the transparency's."""
    width, height = rng.choice(((40, 28), (400, 300), (1, 16_383)))
    header = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14 | rng.randrange(2) << 28)
    lossless = chunk(b"VP8L", header + rng.randbytes(rng.choice((0, 5, 100, 3000))))
    clear = chunk(b"ALPH", bytes([rng.randrange(256)]) + rng.randbytes(rng.choice((0, 9, 300))))
    with_alpha = container(canvas(40, 28, 0x10), clear, good_images("webp")["lossy"][12:])
    return rng.choice((container(lossless), with_alpha))


def metadata(rng: Random) -> bytes:
    block = rng.choice((b"", b"Exif\0\0")) + any_block(rng)
    text = b'<x tiff:Orientation="%d"/>' % rng.randrange(10)
    return container(
        canvas(40, 28, 0x0C), good_images("webp")["lossy"][12:], chunk(b"EXIF", block), chunk(b"XMP ", text)
    )


def large_and_clear(rng: Random) -> bytes:
    """50 million pixels from a few hundred bytes."""
    return _large(rng.random() < 0.5)


@cache
def _large(lossless: bool) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (7000, 7000), (9, 9, 9, 9)).save(file, "WEBP", lossless=lossless, method=0, quality=0)
    return file.getvalue()


BOMBS: dict[str, BytesBuilder] = {
    "giant-header": giant_header,
    "giant-pixels": giant_pixels,
    "frames": frames,
    "chunks": many_chunks,
    "lengths": lying_lengths,
    "bits": bits,
    "exif": metadata,
}
HEAVY: dict[str, BytesBuilder] = {"large-and-clear": large_and_clear}
