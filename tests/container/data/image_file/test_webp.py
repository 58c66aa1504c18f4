import io

import pytest
from PIL import Image

from container.data.image_file.webp import MAX_CHUNKS, read_webp
from container.errors import ImageError
from tests.hostile.exif_blocks import exif_block
from tests.hostile.good_images import SIZE, good_images
from tests.hostile.webp_bombs import canvas, chunk, container

PIXELS = good_images("webp")["lossy"][12:]
ROTATED = exif_block([(0x0112, 3, 1, 6)])


@pytest.mark.parametrize("name", sorted(good_images("webp")))
def test_every_kind_of_webp_has_the_size_that_pillow_reads(name):
    body = good_images("webp")[name]
    encoded = read_webp(body)
    assert (encoded.width, encoded.height, encoded.content) == (*SIZE, body)
    with Image.open(io.BytesIO(body)) as image:
        assert image.size == SIZE


def test_a_canvas_of_any_size_is_read():
    encoded = read_webp(container(canvas(60_000, 2**24, 0), PIXELS))
    assert (encoded.width, encoded.height) == (60_000, 2**24)


@pytest.mark.parametrize(
    "chunks",
    [
        [PIXELS, chunk(b"EXIF", ROTATED)],
        [chunk(b"EXIF", b"Exif\0\0" + ROTATED), PIXELS],
        [PIXELS, chunk(b"XMP ", b'tiff:Orientation="6"')],
    ],
)
def test_the_orientation_is_found_in_either_kind_of_metadata(chunks):
    assert read_webp(container(canvas(40, 28, 0x0C), *chunks)).orientation == 6


def test_metadata_of_a_simple_file_does_not_count_as_it_can_have_none():
    assert read_webp(container(PIXELS, chunk(b"EXIF", ROTATED))).orientation == 1


def test_a_chunk_that_claims_more_than_the_file_has_is_cut():
    body = container(canvas(40, 28, 8), PIXELS, chunk(b"EXIF", ROTATED, length=0xFFFFFFFF))
    assert read_webp(body).orientation == 6


def test_too_many_chunks_are_refused():
    with pytest.raises(ImageError, match="20000 chunks") as caught:
        read_webp(container(canvas(40, 28, 2), *[chunk(b"ANMF", b"")] * MAX_CHUNKS))
    assert caught.value.code == "image_too_complex"


@pytest.mark.parametrize(
    "body", [container(), container(chunk(b"junk", b"")), container(PIXELS[:16]), container(b"VP8L")]
)
def test_a_file_without_a_size_is_damaged(body):
    with pytest.raises(ImageError, match="no size") as caught:
        read_webp(body)
    assert caught.value.code == "undecodable_image"
