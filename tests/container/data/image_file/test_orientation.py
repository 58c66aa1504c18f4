import pytest

from container.data.image_file.orientation import read_orientation
from tests.hostile.exif_blocks import exif_block

ORIENTATION = 0x0112
XMP = b'<x:xmpmeta tiff:Orientation="8"/>'


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("start", [b"", b"Exif\0\0", b"Exif\0\0Exif\0\0"])
def test_the_orientation_is_read_in_either_byte_order(order, start):
    value = 6 if order == "<" else 6 << 16  # the first two bytes of four
    block = exif_block([(0x010F, 2, 4, 0), (ORIENTATION, 3, 1, value)], order)
    assert read_orientation(start + block, b"") == 6


@pytest.mark.parametrize("value", [0, 9, 60_000])
def test_an_orientation_that_does_not_exist_is_none(value):
    assert read_orientation(exif_block([(ORIENTATION, 3, 1, value)]), XMP) == 1


@pytest.mark.parametrize("text", [XMP, b"<tiff:Orientation>8</tiff:Orientation>"])
def test_xmp_tells_it_where_exif_does_not(text):
    assert read_orientation(b"", text) == 8
    assert read_orientation(exif_block([(0x010F, 2, 4, 0)]), text) == 8
    assert read_orientation(exif_block([(ORIENTATION, 3, 1, 3)]), text) == 3


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff\0\0",
        b"XX*\0\x08\0\0\0\0\0",
        exif_block([(ORIENTATION, 3, 1, 6)], offset=9),
        exif_block([(ORIENTATION, 3, 1, 6)], num_entries=0),
        exif_block([(ORIENTATION, 3, 2, 6)]),
        exif_block([(ORIENTATION, 2, 1, 6)]),
        exif_block([(ORIENTATION, 3, 1, 6)])[:15],
    ],
)
def test_damaged_exif_leaves_the_picture_upright(block):
    assert read_orientation(block, b"") == 1


def test_an_entry_is_read_although_the_directory_says_that_there_are_more():
    assert read_orientation(exif_block([(ORIENTATION, 3, 1, 6)], num_entries=65535), b"") == 6


def test_a_directory_that_follows_itself_is_read_once():
    assert read_orientation(exif_block([(0x8769, 4, 1, 8)], following=8), b"") == 1


def test_an_orientation_of_four_bytes_counts_too():
    assert read_orientation(exif_block([(ORIENTATION, 4, 1, 5)], ">"), b"") == 5
