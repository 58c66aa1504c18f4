import io
import random
import struct
import time
import zlib
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from bench.photos import photo
from container.data import decode
from container.data.decode import decode_image
from container.errors import ImageError
from tests.hostile.exif_blocks import BLOCKS
from tests.hostile.good_images import picture, png_chunk, png_file
from tests.hostile.jpeg_bombs import many_scans, segment
from tests.hostile.png_bombs import with_chunks

ORIENTATION = 0x0112  # EXIF tag
RED, GREEN, BLUE, WHITE = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]


def encode(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def red_over_blue() -> Image.Image:
    """8 pixels wide, 16 high: red above, blue below."""
    image = Image.new("RGB", (8, 16), "red")
    image.paste("blue", (0, 8, 8, 16))
    return image


def pixel(body: bytes, row: int = 0, column: int = 0) -> list[int]:
    return decode_image(body)[:, row, column].tolist()


def png_promise(width: int, height: int) -> bytes:
    """A PNG file of under 100 bytes whose header promises this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0"))


def test_pixels_come_back_as_uint8_channels_height_width():
    image = decode_image(encode(red_over_blue()))
    assert image.dtype == torch.uint8
    assert image.shape == (3, 16, 8)
    assert (image[:, 0, 0].tolist(), image[:, 15, 0].tolist()) == (RED, BLUE)


def test_the_pixels_may_be_written_to():
    image = decode_image(encode(red_over_blue()))
    image[:] = 7
    assert int(image.sum()) == 7 * image.numel()


@pytest.mark.parametrize(
    ("orientation", "shape", "first"),
    [(1, (16, 8), RED), (3, (16, 8), BLUE), (6, (8, 16), BLUE), (8, (8, 16), RED)],
)
@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_the_exif_orientation_is_applied(file_format, orientation, shape, first):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    body = encode(red_over_blue(), file_format, exif=exif, lossless=True)
    assert decode_image(body).shape[1:] == shape
    assert pixel(body) == first


def test_the_exif_orientation_of_a_jpeg_is_applied():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image = decode_image(encode(red_over_blue(), "JPEG", exif=exif, quality=95))
    assert image.shape == (3, 8, 16)
    red, _, blue = image[:, 4, 1].tolist()
    assert (red < 20, blue > 235) == (True, True)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"])
def test_damaged_exif_does_not_spoil_a_good_image(exif):
    assert decode_image(encode(red_over_blue(), "JPEG", exif=exif)).shape == (3, 16, 8)


def test_a_grey_image_becomes_rgb():
    assert pixel(encode(Image.new("L", (4, 4), 100))) == [100, 100, 100]


def test_a_black_and_white_image_becomes_rgb():
    assert pixel(encode(Image.new("1", (4, 4), 1))) == WHITE


def test_a_cmyk_jpeg_becomes_rgb():
    red, green, blue = pixel(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    assert (red > 240, green < 15, blue < 15) == (True, True, True)


def test_16_bit_grey_keeps_its_shades():
    levels = np.array([[0, 0x4000, 0x8000, 0xFFFF]], dtype=np.uint16)
    assert decode_image(encode(Image.fromarray(levels)))[0].tolist() == [[0, 64, 128, 255]]


def test_transparent_pixels_are_white_and_opaque_ones_keep_their_colour():
    image = Image.new("RGBA", (2, 1), (0, 255, 0, 255))
    image.putpixel((1, 0), (0, 255, 0, 0))
    body = encode(image)
    assert (pixel(body, 0, 0), pixel(body, 0, 1)) == (GREEN, WHITE)


def test_a_palette_with_a_transparent_colour_is_shown_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    body = encode(image, transparency=1)
    assert (pixel(body, 0, 0), pixel(body, 0, 1)) == (RED, WHITE)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_the_first_frame_of_an_animation_is_taken(file_format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    body = encode(frames[0], file_format, save_all=True, append_images=frames[1:], duration=50, lossless=True)
    with Image.open(io.BytesIO(body)) as image:
        assert image.n_frames == 3
    assert pixel(body) == RED


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_image"),
        (b"hello", "undecodable_image"),
        (encode(Image.new("RGB", (4, 4)), "GIF"), "undecodable_image"),
        (encode(Image.effect_noise((64, 64), 50), "JPEG")[:-800], "undecodable_image"),
        (encode(Image.effect_noise((64, 64), 50))[:-800], "undecodable_image"),
    ],
    ids=["nothing", "text", "gif", "truncated jpeg", "truncated png"],
)
@pytest.mark.parametrize("side", [0, 8])
def test_what_is_no_whole_jpeg_png_or_webp_is_refused(body, code, side):
    with pytest.raises(ImageError) as refusal:
        decode_image(body, side=side)
    assert refusal.value.code == code


@pytest.mark.parametrize("side", [60_000, 9_000])
def test_a_giant_is_refused_by_its_header_before_its_pixels_are_read(side):
    start = time.perf_counter()
    with pytest.raises(ImageError) as refusal:  # had the pixels been read, the code would be `undecodable_image`
        decode_image(png_promise(side, side))
    assert refusal.value.code == "too_many_pixels"
    assert time.perf_counter() - start < 0.5


def test_the_pixel_limit_is_inclusive():
    body = encode(red_over_blue())
    assert decode_image(body, max_pixels=128).shape == (3, 16, 8)
    with pytest.raises(ImageError, match="8x16 pixels; at most 127"):
        decode_image(body, max_pixels=127)


def test_the_pixel_limit_counts_the_headers_size_whatever_is_decoded():
    body = encode(Image.new("RGB", (64, 32)), "JPEG")
    assert decode_image(body, max_pixels=2048, side=4).shape == (3, 4, 8)
    with pytest.raises(ImageError, match="64x32 pixels; at most 2047"):
        decode_image(body, max_pixels=2047, side=4)


@pytest.mark.parametrize(
    ("side", "shape"),
    [(0, (61, 90)), (61, (61, 90)), (31, (61, 90)), (30, (31, 45)), (16, (31, 45)), (15, (16, 23)), (1, (8, 12))],
)
def test_a_jpeg_is_decoded_as_small_as_its_shorter_side_may_be(side, shape):
    assert decode_image(encode(Image.new("RGB", (90, 61)), "JPEG"), side=side).shape[1:] == shape


@pytest.mark.parametrize("side", [1, 61, 1000])
@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_only_a_jpeg_is_decoded_smaller(file_format, side):
    assert decode_image(encode(Image.new("RGB", (90, 61)), file_format), side=side).shape[1:] == (61, 90)


def test_a_side_that_an_image_does_not_have_gives_all_of_it():
    assert decode_image(encode(Image.new("RGB", (90, 61)), "JPEG"), side=1000).shape[1:] == (61, 90)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_smaller_decoding_shows_the_same_picture_in_every_mode(mode, progressive):
    with Image.open(io.BytesIO(photo(3, (400, 300)))) as original:
        body = encode(original.convert(mode), "JPEG", quality=90, progressive=progressive)
    whole = decode_image(body).float()
    half = decode_image(body, side=150).float()
    assert half.shape == (3, 150, 200)
    assert (F.avg_pool2d(whole, 2) - half).abs().mean() < 1.5  # of 255 levels: the two ways to halve it round apart


def test_the_exif_orientation_of_a_jpeg_decoded_smaller_is_applied():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image = decode_image(encode(red_over_blue().resize((80, 160)), "JPEG", exif=exif, quality=95), side=40)
    assert image.shape == (3, 40, 80)
    red, _, blue = image[:, 20, 10].tolist()
    assert (red < 20, blue > 235) == (True, True)


def test_bytes_damaged_anywhere_give_an_image_or_an_image_error():
    noise = Image.effect_noise((24, 24), 80)
    whole = [
        encode(noise, "JPEG"),
        encode(noise.convert("CMYK"), "JPEG"),
        encode(noise.convert("RGBA")),
        encode(noise.convert("P"), transparency=3),
        encode(noise, "WEBP"),
    ]
    chance = random.Random(0)  # noqa: S311
    refused = 0
    for _ in range(2000):
        body = bytearray(chance.choice(whole))
        for _ in range(chance.choice((1, 3, 9))):
            body[chance.randrange(len(body))] = chance.randrange(256)
        try:
            assert decode_image(bytes(body), side=chance.choice((0, 5))).shape[0] == 3
        except ImageError:
            refused += 1
    assert refused > 100


def test_a_palette_picture_without_its_palette_is_damaged():
    rows = (b"\0" + bytes(range(9))) * 9
    with pytest.raises(ImageError, match="is damaged and cannot be decoded") as refusal:
        decode_image(png_file(9, 9, 8, 3, rows))
    assert refusal.value.code == "undecodable_image"


@pytest.mark.parametrize("kind", sorted(BLOCKS))
@pytest.mark.parametrize("seed", range(8))
def test_no_exif_block_whatever_spoils_a_good_image(kind, seed):
    body = with_chunks(encode(red_over_blue()), png_chunk(b"eXIf", BLOCKS[kind](random.Random(seed))))  # noqa: S311
    assert sorted(decode_image(body).shape[1:]) == [8, 16]


def test_metadata_without_end_costs_no_more_than_a_picture():
    """Pillow joins the EXIF blocks one by one: these 20 MB took half a minute."""
    blocks = segment(0xE1, b"Exif\0\0" + bytes(20_000)) * 990
    body = encode(red_over_blue(), "JPEG")
    start = time.process_time()
    assert decode_image(body[:2] + blocks + body[2:]).shape == (3, 16, 8)
    assert time.process_time() - start < 1


def test_a_jpeg_of_thousands_of_scans_is_refused_before_any_is_decoded():
    body = many_scans(7000, 7000, 5000)
    start = time.process_time()
    with pytest.raises(ImageError) as refusal:
        decode_image(body)
    assert refusal.value.code == "image_too_complex"
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("mode", "file_format"),
    [("RGB", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "WEBP")],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_made_rgb_in_strips_is_the_same(monkeypatch, mode, file_format, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture_of_mode = picture("RGBA" if mode in ("LA", "RGBA") else "RGB", (50, 33)).convert(mode)
    transparency = {"transparency": bytes(range(200))} if mode == "P" else {}
    body = encode(picture_of_mode, file_format, exif=exif, **transparency)
    whole = decode_image(body)
    monkeypatch.setattr(decode, "STRIP_PIXELS", 120)
    assert torch.equal(decode_image(body), whole)


def test_deep_greys_made_rgb_in_strips_are_the_same(monkeypatch):
    body = encode(Image.fromarray(np.arange(2000, dtype=np.uint16).reshape(40, 50) * 32))
    whole = decode_image(body)
    monkeypatch.setattr(decode, "STRIP_PIXELS", 120)
    assert torch.equal(decode_image(body), whole)
