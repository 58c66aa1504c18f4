"""JPEG files that promise, repeat or hide more than a picture has."""

import struct
from functools import cache
from random import Random

from tests.hostile.case import BytesBuilder
from tests.hostile.exif_blocks import any_block
from tests.hostile.good_images import good_images, picture, saved

START, END = b"\xff\xd8", b"\xff\xd9"
SIDES = (0, 1, 60_000, 65_500, 65_535)
MAX_BODY_BYTES = 20_000_000  # more would be refused unread
# A DC code of no difference, and an AC code that ends a band: two symbols of one bit each.
DC_TABLE = b"\x00" + bytes([0, 1]) + bytes(14) + b"\x00"
LONGEST_RUN = 14  # an AC symbol 14 << 4 ends the band for 2**14 to 2**15 - 1 blocks


def segment(marker: int, content: bytes, length: int | None = None) -> bytes:
    return (
        bytes([0xFF, marker]) + struct.pack(">H", (len(content) + 2 if length is None else length) & 0xFFFF) + content
    )


def frame(marker: int, width: int, height: int, components: int = 1, sampling: int = 0x11, depth: int = 8) -> bytes:
    parts = b"".join(bytes([number + 1, sampling, 0]) for number in range(components % 256))
    return segment(marker, struct.pack(">BHHB", depth, height, width, components) + parts)


def scan(spectrum: tuple[int, int], components: int = 1, data: bytes = b"") -> bytes:
    heads = b"".join(bytes([number + 1, 0]) for number in range(components))
    return segment(0xDA, bytes([components]) + heads + bytes([*spectrum, 0])) + data


def many_scans(width: int, height: int, num_scans: int) -> bytes:
    """A grey progressive picture whose every scan goes over all of it and says nothing: some 30 bytes for each."""
    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    ac_table = b"\x10" + bytes([0, 1]) + bytes(14) + bytes([LONGEST_RUN << 4])
    tables = segment(0xDB, b"\0" + bytes([1] * 64)) + segment(0xC4, DC_TABLE) + segment(0xC4, ac_table)
    dc = scan((0, 0), data=bytes((blocks + 7) // 8))  # a bit for each block
    # 0, then 14 bits of the run's length less 2**14.
    bits, left = "", blocks
    while left > 0:
        run = min(left, 2**15 - 1)
        bits += "0" + format(max(0, run - 2**14), "014b")
        left -= max(run, 2**14)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return START + tables + frame(0xC2, width, height) + dc + scan((1, 63), data=data) * num_scans + END


@cache
def cached_scans(width: int, height: int, num_scans: int) -> bytes:
    return many_scans(width, height, num_scans)


def scans(rng: Random) -> bytes:
    return cached_scans(*rng.choice(((64, 64), (200, 160))), rng.choice((5, 99, 100, 101, 300, 3000)))


def scans_of_a_giant(rng: Random) -> bytes:
    """Up to 24 MB of scans over 50 million pixels: before it was refused, an hour's work."""
    return cached_scans(*rng.choice(((7000, 7000), (65_500, 700), (2000, 2000))), rng.choice((30, 5000, 200_000)))


def giant_header(rng: Random) -> bytes:
    body = rng.choice(list(good_images("jpeg").values()))
    position = next(at for at in (body.find(b"\xff\xc0"), body.find(b"\xff\xc2")) if at > 0)
    size = struct.pack(">HH", rng.choice(SIDES), rng.choice(SIDES))
    return body[: position + 5] + size + body[position + 9 :]


def huge_but_empty(rng: Random) -> bytes:
    """A header of a size that is accepted, and almost no pixels."""
    marker = rng.choice((0xC0, 0xC1, 0xC2))
    good = good_images("jpeg")["grey"]
    tables = good[2 : good.find(b"\xff\xc0")] + good[good.find(b"\xff\xc4") : good.find(b"\xff\xda")]
    side = rng.choice((100, 1000, 3000))
    return START + tables + frame(marker, side, side) + scan((0, 63 if marker != 0xC2 else 0), data=bytes(20)) + END


def odd_frames(rng: Random) -> bytes:
    good = good_images("jpeg")["baseline"]
    at = good.find(b"\xff\xc0")
    made = frame(
        rng.choice((*range(0xC0, 0xD0), 0xDE)),
        rng.choice((8, 40, 0)),
        rng.choice((8, 28, 0)),
        rng.choice((0, 1, 2, 3, 4, 5, 255)),
        rng.choice((0, 0x11, 0x44, 0xFF, 0x1F)),
        rng.choice((8, 8, 12, 2, 0)),
    )
    return good[:at] + made * rng.choice((1, 1, 2, 50)) + good[at + rng.choice((0, 19)) :]


def many_segments(rng: Random) -> bytes:
    """What is read one by one, or joined one by one."""
    good = good_images("jpeg")["baseline"]
    part = rng.choice(
        (
            segment(0xE1, b"Exif\0\0x"),
            segment(0xE1, b"Exif\0\0" + bytes(6000)),
            segment(0xFE, b""),
            b"\xff\xd0",
            b"\xff\xff",
            b"\xff\x01",
            segment(0xDB, (b"\0" + bytes(64)) * 900),
            segment(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(90)),
            segment(0xED, b"Photoshop 3.0\0" + b"8BIM\3\xed\0\0\0\0\0\0" * 400),
            segment(0xC4, DC_TABLE),
            segment(0xE2, b"MPF\0"),
            b"junk",
            segment(0xDD, b"\0\1"),
            segment(0xE0, b"JFIF\0" + bytes(200)),
            segment(0xEE, b"Adobe" + bytes(7)),
        )
    )
    return START + part * min(rng.choice((2, 50, 999, 1001, 3000)), MAX_BODY_BYTES // len(part)) + good[2:]


def lying_lengths(rng: Random) -> bytes:
    content = rng.choice((b"Exif\0\0II*\0", b"JFIF\0\1\1", b"MPF\0II*\0\x08\0\0\0", b"ICC_PROFILE\0\1\1"))
    made = segment(
        rng.choice((0xE0, 0xE1, 0xE2, 0xEE, 0xFE, 0xDB, 0xC4)), content, rng.choice((0, 1, 2, 3, 0x7FFF, 0xFFFF))
    )
    return START + made + good_images("jpeg")["baseline"][2:]


def metadata(rng: Random) -> bytes:
    block = segment(0xE1, b"Exif\0\0" + any_block(rng)[:65_000])
    return (
        START + block * rng.choice((1, 1, 1, 3)) + good_images("jpeg")[rng.choice(("baseline", "grey", "several"))][2:]
    )


def inks(rng: Random) -> bytes:
    """Four inks under every claim about them that an Adobe segment can make: CMYK, YCCK, and neither."""
    adobe = segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, rng.choice((0, 1, 2, 3, 255))))
    good = good_images("jpeg")["cmyk"]
    return START + rng.choice((b"", adobe, adobe * 2)) + good[2:]


def several_pictures(rng: Random) -> bytes:
    """Multi-picture files whose directory points anywhere."""
    body = bytearray(good_images("jpeg")["several"])
    at = body.find(b"MPF\0")
    for _ in range(rng.randrange(1, 6)):
        body[at + rng.randrange(4, 80)] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
    return bytes(body)


def large_photo(rng: Random) -> bytes:
    """A good one, as large as they come, and of four inks and progressive, which costs most memory."""
    return _large_photo(*rng.choice(((5000, 4000, "RGB"), (8000, 6000, "RGB"), (8000, 6000, "CMYK"))))


@cache
def _large_photo(width: int, height: int, mode: str) -> bytes:
    small = picture(mode, (width // 20, height // 20))
    return saved(small.resize((width, height)), "JPEG", progressive=True)


BOMBS: dict[str, BytesBuilder] = {
    "scans": scans,
    "giant-header": giant_header,
    "huge-but-empty": huge_but_empty,
    "frames": odd_frames,
    "segments": many_segments,
    "lengths": lying_lengths,
    "exif": metadata,
    "inks": inks,
    "several": several_pictures,
}
HEAVY: dict[str, BytesBuilder] = {"scans-of-a-giant": scans_of_a_giant, "large-photo": large_photo}
