"""A WebP file -> its size and orientation."""

import struct

from container.data.image_file.encoded import EncodedImage, damaged, too_complex
from container.data.image_file.orientation import read_orientation

START = b"RIFF"
FORM = b"WEBP"  # at byte 8
MAX_CHUNKS = 20_000  # one for each frame of an animation


def read_webp(body: bytes) -> EncodedImage:
    """The file as it is. Raises ImageError if it has no size, or is built of very many parts."""
    width, height = _size(body)
    exif, xmp = _metadata(body) if body[12:16] == b"VP8X" else (b"", b"")
    return EncodedImage("WEBP", body, width, height, read_orientation(exif, xmp))


def _size(body: bytes) -> tuple[int, int]:
    """Of the canvas: a decoder allocates that before anything else."""
    kind = body[12:16]
    if kind == b"VP8X" and len(body) >= 30:
        return 1 + int.from_bytes(body[24:27], "little"), 1 + int.from_bytes(body[27:30], "little")
    if kind == b"VP8 " and body[23:26] == b"\x9d\x01\x2a" and len(body) >= 30:
        width, height = struct.unpack_from("<HH", body, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and body[20:21] == b"\x2f" and len(body) >= 25:
        (bits,) = struct.unpack_from("<I", body, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise damaged("it has no size")


def _metadata(body: bytes) -> tuple[bytes, bytes]:
    """The EXIF block and the XMP text, each empty where there is none."""
    found = {b"EXIF": b"", b"XMP ": b""}
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(body):
            return found[b"EXIF"], found[b"XMP "]
        name, length = struct.unpack_from("<4sI", body, position)
        if name in found and not found[name]:
            found[name] = body[position + 8 : position + 8 + length]
        position += 8 + length + length % 2
    raise too_complex(MAX_CHUNKS, "chunks", MAX_CHUNKS)
