import io
import zlib

import pytest
from PIL import Image, ImageOps

from container.data.image_file.png import MAX_CHUNKS, read_png
from container.errors import ImageError
from tests.hostile.exif_blocks import exif_block
from tests.hostile.good_images import SIZE, exif, good_images, picture, png_chunk, saved
from tests.hostile.png_bombs import with_chunks, zeros

RGBA = good_images("png")["rgba"]
ROTATED = exif_block([(0x0112, 3, 1, 6)])
HEXADECIMAL = b"\nexif\n%8d\n" % len(ROTATED) + ROTATED.hex().encode()
XMP = b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'
COMPRESSED_XMP = b"XML:com.adobe.xmp\0\1\0en\0key\0" + zlib.compress(b"<tiff:Orientation>6</tiff:Orientation>")


@pytest.mark.parametrize("name", sorted(good_images("png")))
def test_every_kind_of_png_has_the_size_of_its_header_and_the_same_pixels_without_metadata(name):
    body = good_images("png")[name]
    encoded = read_png(body)
    with Image.open(io.BytesIO(body)) as whole, Image.open(io.BytesIO(encoded.content)) as rest:
        assert (encoded.width, encoded.height) == whole.size
        assert whole.mode == rest.mode
        assert whole.tobytes() == rest.tobytes()
        assert whole.info.get("transparency") == rest.info.get("transparency")


def test_a_decoder_is_shown_no_metadata_and_no_further_frames():
    body = saved(picture(), "PNG", exif=exif(), icc_profile=bytes(99), save_all=True, append_images=[picture(seed=1)])
    content = read_png(with_chunks(body, png_chunk(b"tEXt", b"a\0b"))).content
    assert not [name for name in (b"eXIf", b"iCCP", b"tEXt", b"acTL", b"fcTL", b"fdAT") if name in content]
    assert content.endswith(b"IEND\xaeB`\x82")


def test_a_file_without_metadata_is_not_copied():
    assert read_png(RGBA).content is RGBA


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"eXIf", ROTATED),
        png_chunk(b"tEXt", b"Raw profile type exif\0" + HEXADECIMAL),
        png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(HEXADECIMAL)),
        png_chunk(b"iTXt", XMP),
        png_chunk(b"iTXt", COMPRESSED_XMP),
    ],
    ids=["eXIf", "tEXt", "zTXt", "XMP", "compressed XMP"],
)
@pytest.mark.parametrize("last", [False, True])
def test_the_orientation_is_found_wherever_it_is_kept_and_as_pillow_finds_it(chunk, last):
    body = with_chunks(RGBA, chunk, last=last)
    assert read_png(body).orientation == 6
    with Image.open(io.BytesIO(body)) as image:
        assert ImageOps.exif_transpose(image).size == (SIZE[1], SIZE[0])


@pytest.mark.parametrize("keyword", [b"Comment", b"Raw profile type exif", b"XML:com.adobe.xmp"])
def test_text_that_inflates_without_end_costs_nothing_and_changes_nothing(keyword):
    bombs = [
        png_chunk(b"zTXt", keyword + b"\0\0" + zeros(60_000_000)),
        png_chunk(b"iTXt", keyword + b"\0\1\0\0\0" + zeros(60_000_000)),
        png_chunk(b"iCCP", b"x\0\0" + zeros(60_000_000)),
    ]
    encoded = read_png(with_chunks(RGBA, *bombs * 3))
    assert (encoded.content, encoded.orientation) == (RGBA, 1)


@pytest.mark.parametrize("name", [b"prVt", b"IDAT", b"tEXt"])
def test_too_many_chunks_are_refused(name):
    with pytest.raises(ImageError, match="20000 chunks") as caught:
        read_png(with_chunks(RGBA, *[png_chunk(name, b"")] * MAX_CHUNKS))
    assert caught.value.code == "image_too_complex"


def test_a_picture_in_pieces_between_metadata_is_put_together():
    at = RGBA.find(b"IDAT") - 4
    length = int.from_bytes(RGBA[at : at + 4], "big")
    content, text = RGBA[at + 8 : at + 8 + length], png_chunk(b"tEXt", b"a\0b")
    pieces = [png_chunk(b"IDAT", content[part : part + 50]) + text for part in range(0, length, 50)]
    encoded = read_png(RGBA[:at] + b"".join(pieces) + RGBA[at + 12 + length :])
    with Image.open(io.BytesIO(RGBA)) as whole, Image.open(io.BytesIO(encoded.content)) as rest:
        assert whole.tobytes() == rest.tobytes()


@pytest.mark.parametrize("body", [RGBA[:8], RGBA[:20], RGBA[:8] + png_chunk(b"IDAT", bytes(40))])
def test_a_file_that_does_not_begin_with_its_header_is_damaged(body):
    with pytest.raises(ImageError, match="no header") as caught:
        read_png(body)
    assert caught.value.code == "undecodable_image"
