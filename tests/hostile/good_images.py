"""Small image files of every kind that the decoders read, and of some that they do not: what is mutated."""

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

SIZE = (40, 28)  # (width, height)
ORIENTATION_TAG = 0x0112


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE, seed: int = 0) -> Image.Image:
    """Smooth colours with grain, the same for the same seed."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    grain = np.random.default_rng(seed).integers(0, 40, (height, width, 3))
    waves = np.stack([rows * 5 % 200, columns * 4 % 200, (rows + columns) * 3 % 200], axis=2)
    image = Image.fromarray((waves + grain).clip(0, 255).astype(np.uint8))
    if mode == "RGBA":
        image.putalpha(Image.fromarray((columns * 255 // width).astype(np.uint8)))
        return image
    return image.convert(mode)


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_file(
    width: int, height: int, depth: int, colour_type: int, rows: bytes, *extra: bytes, interlace: int = 0
) -> bytes:
    """A PNG of `rows`, each with its filter byte in front; `extra` chunks stand before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlace)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *extra,
            png_chunk(b"IDAT", zlib.compress(rows)),
            png_chunk(b"IEND", b""),
        ]
    )


def deep_png(colour_type: int, channels: int) -> bytes:
    """16 bits per channel, which Pillow does not write."""
    rng = np.random.default_rng(colour_type)
    rows = [b"\0" + rng.integers(0, 256, 8 * channels * 2, dtype=np.uint8).tobytes() for _ in range(8)]
    return png_file(8, 8, 16, colour_type, b"".join(rows))


def interlaced_png() -> bytes:
    """Adam7: seven passes of an 8x8 grey picture, which Pillow does not write."""
    passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]  # (columns, rows)
    rows = b"".join((b"\0" + bytes(range(columns))) * count for columns, count in passes)
    return png_file(8, 8, 8, 0, rows, interlace=1)


def exif(orientation: int = 6) -> Image.Exif:
    made = Image.Exif()
    made[ORIENTATION_TAG] = orientation
    made[0x010F] = "maker"
    return made


def _jpegs() -> dict[str, bytes]:
    rgb = picture()
    return {
        "baseline": saved(rgb, "JPEG", quality=85),
        "full-colour": saved(rgb, "JPEG", quality=95, subsampling=0),
        "progressive": saved(rgb, "JPEG", progressive=True),
        "restarts": saved(rgb, "JPEG", restart_marker_blocks=2),
        "grey": saved(picture("L"), "JPEG"),
        "cmyk": saved(picture("CMYK"), "JPEG"),
        "exif": saved(rgb, "JPEG", exif=exif(), comment=b"hello"),
        "profile": saved(rgb, "JPEG", icc_profile=bytes(range(256)) * 300),
        "several": saved(rgb, "MPO", save_all=True, append_images=[picture(seed=1)]),
    }


def _pngs() -> dict[str, bytes]:
    rgb, palette = picture(), picture("P")
    return {
        "rgb": saved(rgb, "PNG", icc_profile=bytes(400), exif=exif()),
        "rgba": saved(picture("RGBA"), "PNG"),
        "grey": saved(picture("L"), "PNG"),
        "grey-alpha": saved(picture("RGBA").convert("LA"), "PNG"),
        "bits": saved(picture("1"), "PNG"),
        "palette": saved(palette, "PNG"),
        "palette-alpha": saved(palette, "PNG", transparency=bytes(range(200))),
        "palette-4": saved(picture("P").quantize(12), "PNG", bits=4),
        "grey-16": saved(Image.fromarray(np.asarray(picture("L"), np.uint16) * 257), "PNG"),
        "colour-16": deep_png(2, 3),
        "grey-alpha-16": deep_png(4, 2),
        "colour-alpha-16": deep_png(6, 4),
        "interlaced": interlaced_png(),
        "animated": saved(rgb, "PNG", save_all=True, append_images=[picture(seed=n) for n in (1, 2)], duration=30),
    }


def _webps() -> dict[str, bytes]:
    rgb, rgba = picture(), picture("RGBA")
    return {
        "lossy": saved(rgb, "WEBP", quality=70),
        "lossless": saved(rgb, "WEBP", lossless=True),
        "lossy-alpha": saved(rgba, "WEBP", quality=70),
        "lossless-alpha": saved(rgba, "WEBP", lossless=True),
        "metadata": saved(rgb, "WEBP", exif=exif().tobytes(), xmp=b"<x/>", icc_profile=bytes(200)),
        "animated": saved(rgb, "WEBP", save_all=True, append_images=[picture(seed=n) for n in (1, 2)], duration=30),
    }


def _others() -> dict[str, bytes]:
    rgb = picture()
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>'
    return {
        **{name: saved(rgb, name.upper()) for name in ("gif", "tiff", "bmp", "ico", "pdf", "tga", "ppm")},
        "svg": b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "&b;&b;"><!ENTITY b "x">]>' + svg,
        "html": b"<html><script>1</script></html>",
        "zip": b"PK\3\4" + bytes(60),
        "text": b"no image at all",
        "avif": b"\0\0\0\x20ftypavif" + bytes(80),
        "psd": b"8BPS\0\1" + bytes(60),
    }


MAKERS = {"jpeg": _jpegs, "png": _pngs, "webp": _webps, "other": _others}


@cache
def good_images(kind: str) -> dict[str, bytes]:
    """Name -> file, of `jpeg`, `png` or `webp`, or `other` for what the decoders do not read."""
    return MAKERS[kind]()


@cache
def all_images() -> tuple[bytes, ...]:
    return tuple(body for kind in ("jpeg", "png", "webp") for body in good_images(kind).values())
