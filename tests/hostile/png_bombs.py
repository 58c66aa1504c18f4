"""PNG files that promise, repeat or hide more than a picture has."""

import struct
import zlib
from functools import cache
from random import Random

from tests.hostile.case import BytesBuilder
from tests.hostile.exif_blocks import any_block
from tests.hostile.good_images import good_images, png_chunk, png_file

BOMB_BYTES = (70_000, 1_100_000, 60_000_000)
SIDES = (0, 1, 60_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER_END = 33  # bytes


@cache
def zeros(size: int) -> bytes:
    """`size` zero bytes, compressed a thousandfold."""
    return zlib.compress(bytes(size), 9)


def with_chunks(body: bytes, *chunks: bytes, last: bool = False) -> bytes:
    """Chunks put behind the header, or before the end."""
    at = len(body) - 12 if last else HEADER_END
    return body[:at] + b"".join(chunks) + body[at:]


def text_bomb(rng: Random) -> bytes:
    """Compressed text and profiles of a thousand times their size, once or often."""
    bomb = zeros(rng.choice(BOMB_BYTES))
    keyword = rng.choice((b"Comment", b"XML:com.adobe.xmp", b"Raw profile type exif"))
    chunk = rng.choice(
        (
            png_chunk(b"zTXt", keyword + b"\0\0" + bomb),
            png_chunk(b"iTXt", keyword + b"\0\1\0\0\0" + bomb),
            png_chunk(b"iCCP", b"profile\0\0" + bomb),
        )
    )
    return with_chunks(_any_good(rng), *[chunk] * rng.choice((1, 1, 5, 70)), last=rng.random() < 0.5)


def pixel_bomb(rng: Random) -> bytes:
    """Far more bytes of pixels than the header has room for, or far fewer."""
    side = rng.choice((1, 8, 300))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, rng.choice((0, 1)))
    content = rng.choice((zeros(60_000_000), zeros(70_000), zeros(70_000)[:50], b"", zlib.compress(b"")))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", content) + png_chunk(b"IEND", b"")


def giant_header(rng: Random) -> bytes:
    body = _any_good(rng)
    header = struct.pack(">II", rng.choice(SIDES), rng.choice(SIDES)) + body[24:29]
    return body[:8] + png_chunk(b"IHDR", header) + body[HEADER_END:]


def odd_header(rng: Random) -> bytes:
    """Depths, colours and ways to interlace that do not exist or do not go together."""
    depth, colour = rng.choice((0, 1, 2, 3, 4, 8, 16, 32, 255)), rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 255))
    size = rng.choice(((8, 8), (1, 1), (0, 8), (33, 7)))
    fields = struct.pack(
        ">IIBBBBB", *size, depth, colour, rng.choice((0, 0, 1)), rng.choice((0, 0, 1)), rng.choice((0, 1, 2))
    )
    return _any_good(rng)[:8] + png_chunk(b"IHDR", fields) + _any_good(rng)[HEADER_END:]


def many_chunks(rng: Random) -> bytes:
    name = rng.choice(
        (b"teXt", b"prVt", b"tEXt", b"IDAT", b"tRNS", b"PLTE", b"fcTL", b"gAMA", b"IHDR", b"eXIf", b"sBIT")
    )
    content = rng.choice((b"", b"a\0b", b"\0" * 26, b"\xff" * 300))
    count = rng.choice((2, 50, 3000, 25_000))
    return with_chunks(_any_good(rng), *[png_chunk(name, content)] * count, last=rng.random() < 0.3)


def palettes(rng: Random) -> bytes:
    """Palettes and transparency that are too long, too short, missing or for another kind of picture."""
    palette = png_chunk(b"PLTE", rng.randbytes(rng.choice((0, 1, 3, 6, 768, 769, 3000))))
    transparency = png_chunk(b"tRNS", rng.randbytes(rng.choice((0, 1, 2, 6, 256, 257, 5000))))
    extra = rng.choice(((palette,), (palette, transparency), (transparency,), (transparency, palette), ()))
    depth = rng.choice((1, 2, 4, 8))
    rows = (b"\0" + rng.randbytes(-(-9 * depth // 8))) * 9
    return png_file(9, 9, depth, rng.choice((0, 3, 3)), rows, *extra)


def frames(rng: Random) -> bytes:
    """Animations whose counts, order and places are wrong."""
    control = png_chunk(b"acTL", struct.pack(">II", rng.choice((0, 1, 3, 0x7FFFFFFF, 0xFFFFFFFF)), 0))
    place = [rng.choice((0, 1, 8, 40, 60_000, 0xFFFFFFFF)) for _ in range(4)]
    frame = png_chunk(
        b"fcTL",
        struct.pack(">IIIIIHHBB", rng.choice((0, 1, 9)), *place, 1, 1, rng.choice((0, 2, 9)), rng.choice((0, 1, 9))),
    )
    pieces = [control, frame, png_chunk(b"fdAT", struct.pack(">I", 1) + zeros(70_000)), png_chunk(b"acTL", b"\0")]
    rng.shuffle(pieces)
    return with_chunks(_any_good(rng), *pieces[: rng.randrange(1, 5)], last=rng.random() < 0.5)


def lying_lengths(rng: Random) -> bytes:
    body = _any_good(rng)
    at = body.find(rng.choice((b"IDAT", b"IEND", b"IHDR"))) - 4
    return body[:at] + struct.pack(">I", rng.choice((0, 1, 5, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))) + body[at + 4 :]


def metadata(rng: Random) -> bytes:
    block = any_block(rng)
    hexadecimal = b"\nexif\n%8d\n" % len(block) + block.hex().encode()
    chunk = rng.choice(
        (
            png_chunk(b"eXIf", block),
            png_chunk(b"tEXt", b"Raw profile type exif\0" + hexadecimal),
            png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(hexadecimal)),
            png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\n\n\nzz")),
            png_chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0tiff:Orientation="%d"' % rng.randrange(12)),
            png_chunk(b"iTXt", b"XML:com.adobe.xmp" + rng.randbytes(9)),
        )
    )
    return with_chunks(_any_good(rng), chunk, last=rng.random() < 0.5)


def large_and_clear(rng: Random) -> bytes:
    """50 million pixels from 50 KB: the dearest in memory, as they are transparent or 16 bits deep, or interlaced."""
    depth, colour, interlace = rng.choice(
        ((8, 6, 0), (16, 6, 0), (16, 0, 0), (8, 3, 0), (8, 4, 0), (1, 0, 0), (16, 6, 1))
    )
    return _large(depth, colour, interlace)


@cache
def _large(depth: int, colour: int, interlace: int) -> bytes:
    side = 7000
    channels = {0: 1, 3: 1, 4: 2, 6: 4}[colour]
    row = 1 + -(-side * channels * depth // 8)
    squeeze = zlib.compressobj(1)
    idat = b"".join([*(squeeze.compress(bytes(row)) for _ in range(side + side // 2 * interlace)), squeeze.flush()])
    header = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, interlace)
    extra = png_chunk(b"PLTE", bytes(768)) + png_chunk(b"tRNS", bytes(256)) if colour == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", idat) + png_chunk(b"IEND", b"")
    )


def _any_good(rng: Random) -> bytes:
    return rng.choice(list(good_images("png").values()))


BOMBS: dict[str, BytesBuilder] = {
    "text-bomb": text_bomb,
    "pixel-bomb": pixel_bomb,
    "giant-header": giant_header,
    "header": odd_header,
    "chunks": many_chunks,
    "palettes": palettes,
    "frames": frames,
    "lengths": lying_lengths,
    "exif": metadata,
}
HEAVY: dict[str, BytesBuilder] = {"large-and-clear": large_and_clear}
