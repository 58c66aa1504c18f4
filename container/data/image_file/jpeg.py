"""A JPEG file -> its size, orientation, and the segments that its pixels need; the rest is never shown to a decoder.

Pillow reads metadata in Python, byte by byte in places, and in time that grows with the square of its length.
"""

import re
from dataclasses import dataclass, field

from container.data.image_file.encoded import EncodedImage, damaged, too_complex
from container.data.image_file.orientation import EXIF_START, read_orientation

START = b"\xff\xd8"
SOS, EOI, APP0, APP1, APP14 = 0xDA, 0xD9, 0xE0, 0xE1, 0xEE
SIZE_SEGMENTS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
TABLES = {0xC4, 0xCC, 0xDB, 0xDC, 0xDD}  # DHT, DAC, DQT, DNL, DRI
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}  # TEM, RST0 to RST7, SOI
# What stands in these two tells a decoder the colour space.
COLOUR_STARTS = {APP0: b"JFIF\0", APP14: b"Adobe"}
XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
MARKER = re.compile(rb"\xff[^\x00\xff]")  # also skips what may fill the space before it
SCAN_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # within pixels a restart is no marker

MAX_SEGMENTS = 1000  # before the pixels; a camera writes 5 to 40
MAX_KEPT_BYTES = 2**18  # of them, those that decoding needs: tables, of which a file has about 600 bytes
USUAL_SCANS, MAX_SCANS = 20, 100  # a progressive file has about 10
# libjpeg goes over the whole picture once for each scan, however few bytes it has.
MAX_SCANNED_PIXELS = 1_000_000_000


@dataclass
class _Header:
    """What stands before the first scan."""

    kept: list[bytes] = field(default_factory=lambda: [START])
    kept_bytes: int = 0
    dropped: bool = False
    exif: bytes = b""
    xmp: bytes = b""
    size_marker: int = 0
    width: int = 0
    height: int = 0
    num_components: int = 0


def read_jpeg(body: bytes) -> EncodedImage:
    """The file without its metadata. Raises ImageError if it has no pixels, or is built to take very long."""
    header = _Header()
    position = scan = len(START)
    for _ in range(MAX_SEGMENTS):
        found = MARKER.search(body, position)
        if found is None:
            raise damaged("it ends before its pixels begin")
        header.dropped |= found.start() != position
        marker, position = body[found.end() - 1], found.end()
        if marker == SOS:
            scan = found.start()
            break
        position = _read_segment(header, body, marker, position)
    else:
        raise too_complex(MAX_SEGMENTS, "segments before its pixels", MAX_SEGMENTS)
    if not header.size_marker:
        raise damaged("it has no size")
    _check_scans(header, body, scan)
    content = b"".join([*header.kept, body[scan:]]) if header.dropped else body
    orientation = read_orientation(header.exif, header.xmp)
    return EncodedImage("JPEG", content, header.width, header.height, orientation)


def _read_segment(header: _Header, body: bytes, marker: int, position: int) -> int:
    """The position behind the segment whose length stands at `position`."""
    if marker in WITHOUT_LENGTH:
        header.dropped = True
        return position
    length = int.from_bytes(body[position : position + 2], "big")
    end = position + length
    if marker == EOI or length < 2 or end > len(body):
        raise damaged("it ends before its pixels begin")
    if marker in SIZE_SEGMENTS:
        _read_size(header, marker, body[position + 2 : end])
    if _is_needed(marker, body, position + 2):
        header.kept.append(body[position - 2 : end])
        header.kept_bytes += length
        if header.kept_bytes > MAX_KEPT_BYTES:
            raise too_complex(header.kept_bytes, "bytes of tables before its pixels", MAX_KEPT_BYTES)
        return end
    header.dropped = True
    if marker == APP1 and not header.exif and body.startswith(EXIF_START, position + 2):
        header.exif = body[position + 2 : end]
    elif marker == APP1 and not header.xmp and body.startswith(XMP_START, position + 2):
        header.xmp = body[position + 2 : end]
    return end


def _is_needed(marker: int, body: bytes, position: int) -> bool:
    if marker in COLOUR_STARTS:
        return body.startswith(COLOUR_STARTS[marker], position)
    return marker in TABLES or marker in SIZE_SEGMENTS


def _read_size(header: _Header, marker: int, content: bytes) -> None:
    if len(content) < 6 or header.size_marker:
        raise damaged("its size is damaged or stands in it twice")
    header.size_marker = marker
    header.height, header.width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
    header.num_components = content[5]


def _check_scans(header: _Header, body: bytes, first: int) -> None:
    if header.size_marker not in PROGRESSIVE and body[first + 4 : first + 5] == bytes([header.num_components]):
        return  # everything in one scan: a decoder stops behind it
    most = min(MAX_SCANS, max(USUAL_SCANS, MAX_SCANNED_PIXELS // max(1, header.width * header.height)))
    # Counted where they may be first, as that is quick: within thumbnails and tables too.
    if body.count(b"\xff\xda", first) > most and _count_scans(body, first, most) > most:
        raise too_complex(most + 1, f"scans of {header.width}x{header.height} pixels", most)


def _count_scans(body: bytes, first: int, most: int) -> int:
    """The picture's scans, or any number above `most` where there are more of them, or of other segments."""
    position, num_scans, num_others = first, 0, 0
    while num_scans <= most and (found := SCAN_MARKER.search(body, position)):
        marker, position = body[found.end() - 1], found.end()
        if marker == EOI:
            break
        num_scans += marker == SOS
        num_others += marker != SOS
        if num_others > MAX_SEGMENTS:
            return most + 1
        if marker not in WITHOUT_LENGTH:
            position += int.from_bytes(body[position : position + 2], "big")
    return num_scans
