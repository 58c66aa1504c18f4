"""Photo-like JPEGs from a seed: what servers are asked about and what training reads."""

import colorsys
import io
from pathlib import Path

import numpy as np
from numpy.random import Generator, default_rng
from PIL import Image, ImageDraw, ImageFilter

PHOTO_SIZE = (500, 375)  # (width, height): the size that most photos of dogImages have
QUALITY = 90
CAST_LEVELS = 60  # of 255, by which a class tints its photos: about what photos of one class differ by
Cast = tuple[float, float, float]  # levels added to red, green and blue


def photo(seed: int, size: tuple[int, int] = PHOTO_SIZE, cast: Cast = (0, 0, 0)) -> bytes:
    """A JPEG with a photo's mix of smooth areas, edges and grain; the same seed gives the same pixels."""
    rng = default_rng(seed)
    image = _clouds(rng, size)
    draw = ImageDraw.Draw(image)
    for _ in range(25):
        left, top = int(rng.integers(-40, size[0])), int(rng.integers(-40, size[1]))
        width, height = rng.integers(15, 160, 2).tolist()
        colour = tuple(rng.integers(0, 256, 3).tolist())
        draw.ellipse((left, top, left + width, top + height), fill=colour)
    image = image.filter(ImageFilter.GaussianBlur(1.2))
    grain = rng.normal(0, 5, (size[1], size[0], 1))
    pixels = (np.asarray(image) + grain + cast).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def class_cast(label: int, num_classes: int) -> Cast:
    """The tint of a class: hues evenly round the circle, so that there is something to learn, and not too easily."""
    red, green, blue = colorsys.hsv_to_rgb(label / num_classes, 1, 2 * CAST_LEVELS)
    return red - CAST_LEVELS, green - CAST_LEVELS, blue - CAST_LEVELS


def _clouds(rng: Generator, size: tuple[int, int]) -> Image.Image:
    width, height = size
    total = np.full((height, width, 3), 128.0)
    for cells in (2, 5, 12, 30, 80):
        lumps = rng.normal(0, 130 / cells**0.6, (cells * height // width + 2, cells + 2, 3))
        small = Image.fromarray((lumps + 128).clip(0, 255).astype(np.uint8))
        total += np.asarray(small.resize(size, Image.Resampling.BICUBIC), dtype=np.float64) - 128
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))


def write_class_folders(
    root: Path, num_classes: int, train: int, valid: int, size: tuple[int, int] = PHOTO_SIZE
) -> Path:
    """A data set of photos in the dogImages layout, tinted by class; `train` and `valid` count images per class."""
    for split, (first, count) in {"train": (0, train), "valid": (train, valid)}.items():
        for label in range(num_classes):
            folder = root / split / f"{label + 1:03d}.Class"
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(first, first + count):
                seed, cast = 1000 * (label + 1) + number, class_cast(label, num_classes)
                (folder / f"{number:04d}.jpg").write_bytes(photo(seed, size, cast))
    return root
