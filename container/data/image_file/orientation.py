"""EXIF or XMP metadata -> how the picture is to be turned: the one fact of either that its pixels need."""

import re
import struct

UPRIGHT = 1
ORIENTATION_TAG = 0x0112
SHORT, LONG = 3, 4  # types of a TIFF field
ENTRY_BYTES = 12
BYTE_ORDERS = {b"II": "<", b"MM": ">"}
EXIF_START = b"Exif\0\0"
XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def read_orientation(exif: bytes, xmp: bytes) -> int:
    """EXIF's orientation, 1 to 8: that of the EXIF block, else of the XMP text, else 1, as of damaged metadata."""
    found = _exif_orientation(exif)
    if found is None and (in_text := XMP_ORIENTATION.search(xmp)):
        found = int(in_text[1])
    return found if found is not None and 1 <= found <= 8 else UPRIGHT


def _exif_orientation(exif: bytes) -> int | None:
    # Only the first directory's fixed-size entries are looked at, once: no offset of it can lead in circles.
    tiff = exif.removeprefix(EXIF_START).removeprefix(EXIF_START)
    order = BYTE_ORDERS.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return None
    (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
    if offset + 2 > len(tiff):
        return None
    (num_entries,) = struct.unpack_from(f"{order}H", tiff, offset)
    entries = tiff[offset + 2 : offset + 2 + num_entries * ENTRY_BYTES]
    whole = entries[: len(entries) // ENTRY_BYTES * ENTRY_BYTES]
    for tag, kind, count, value in struct.iter_unpack(f"{order}HHI4s", whole):
        if tag == ORIENTATION_TAG:
            if count != 1 or kind not in (SHORT, LONG):
                return UPRIGHT
            return int(struct.unpack_from(order + ("H" if kind == SHORT else "I"), value)[0])
    return None
