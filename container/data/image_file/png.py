"""A PNG file -> its size, orientation, and the chunks that its pixels need; the rest is never shown to a decoder."""

import re
import struct
import zlib
from collections.abc import Iterator

from container.data.image_file.encoded import EncodedImage, damaged, too_complex
from container.data.image_file.orientation import read_orientation

START = b"\x89PNG\r\n\x1a\n"
NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
CHUNK_NAME = re.compile(rb"[A-Za-z]{4}")
XMP_KEYWORD = b"XML:com.adobe.xmp"
RAW_EXIF_KEYWORD = b"Raw profile type exif"  # ImageMagick's way to keep EXIF: as hexadecimal text
MAX_CHUNKS = 20_000  # libpng writes one for every 8 KB, and a handful of others
MAX_TEXT_BYTES = 2**18  # of metadata once it is inflated; longer than this it is cut


def read_png(body: bytes) -> EncodedImage:
    """The file without its metadata and further frames. Raises ImageError if it is no PNG that can be read."""
    if body[12:16] != b"IHDR" or len(body) < 33:
        raise damaged("it has no header")
    width, height = struct.unpack_from(">II", body, 16)
    kept = [(0, len(START))]  # (first, past the last) byte
    exif, xmp = b"", b""
    for name, start, end in _chunks(body):
        if name in NEEDED:
            _keep(kept, start, end)
            continue
        content = slice(start + 8, end - 4)
        if name == b"eXIf":
            exif = exif or body[content]
        elif name in (b"tEXt", b"zTXt") and body.startswith(RAW_EXIF_KEYWORD, start + 8):
            exif = exif or _raw_exif(name, body[content])
        elif name == b"iTXt" and body.startswith(XMP_KEYWORD, start + 8):
            xmp = xmp or _international_text(body[content])
    content_bytes = body if len(kept) == 1 else b"".join([body[start:end] for start, end in kept])
    return EncodedImage("PNG", content_bytes, width, height, read_orientation(exif, xmp))


def _keep(kept: list[tuple[int, int]], start: int, end: int) -> None:
    if kept[-1][1] == start:
        kept[-1] = (kept[-1][0], end)
    else:
        kept.append((start, end))


def _chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, first byte, byte past the last) of each chunk, the one that is cut off by the file's end included."""
    position = len(START)
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(body):
            return
        length, name = struct.unpack_from(">I4s", body, position)
        if not CHUNK_NAME.fullmatch(name):
            return  # what follows the last chunk is no part of it; a decoder tells if pixels are missing
        yield name, position, min(position + 12 + length, len(body))
        if name == b"IEND":
            return
        position += 12 + length
    raise too_complex(MAX_CHUNKS, "chunks", MAX_CHUNKS)


def _raw_exif(name: bytes, content: bytes) -> bytes:
    text = content[len(RAW_EXIF_KEYWORD) + 1 :]
    if name == b"zTXt":
        text = _inflate(text[1:])
    # A line break, the name `exif`, the length, then lines of hexadecimal digits.
    digits = b"".join(text[:MAX_TEXT_BYTES].split(b"\n")[3:])
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""


def _international_text(content: bytes) -> bytes:
    flags = content[len(XMP_KEYWORD) + 1 : len(XMP_KEYWORD) + 3]  # compressed or not, and how
    _, _, text = content[len(XMP_KEYWORD) + 3 :].partition(b"\0")  # behind the language
    _, _, text = text.partition(b"\0")  # and the keyword in that language
    return _inflate(text) if flags[:1] == b"\1" else text[:MAX_TEXT_BYTES]


def _inflate(compressed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(compressed, MAX_TEXT_BYTES)
    except zlib.error:
        return b""
