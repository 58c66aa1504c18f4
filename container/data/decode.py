"""Image bytes -> RGB pixels, the same way for training and for serving.

Only the decoders of image_file/formats.py are ever tried, each on files that begin as its own do, and they see no
metadata: the file's structure is read first, and its size and the work that it asks for are checked before any pixel is
allocated. The EXIF orientation is applied, and every colour mode ends as 8-bit RGB.
"""

import io
import struct
import warnings
import zlib

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from container.data.image_file.encoded import EncodedImage, damaged
from container.data.image_file.read import read_image_file
from container.errors import ImageError

# Pillow warns of broken files that decode well. Set once: a filter around each call is not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")

MAX_IMAGE_PIXELS = 50_000_000  # 150 MB as RGB: a 48-megapixel phone camera passes
# Larger pictures are made RGB strip by strip, as several copies of one would be in memory otherwise.
STRIP_PIXELS = 4_000_000
# Pillow's decoders raise all of these on damaged files; the image, not our code, is at fault.
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError),
    AssertionError,
)
# How EXIF's orientations 2 to 8 are undone.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_image(body: bytes, max_pixels: int = MAX_IMAGE_PIXELS, side: int = 0) -> Tensor:
    """RGB pixels, uint8 (3, H, W), of a file of one of image_file/formats.py; H and W are those a person sees.

    A JPEG of which no more is needed is decoded at 1/2, 1/4 or 1/8 of its size, as long as its shorter side keeps
    `side` pixels or more; 0 decodes it in full. `max_pixels` always limits the size in the header.
    The tensor is a view of interleaved pixels, that is, channels-last in memory.
    Raises ImageError with the code `empty_image`, `undecodable_image`, `image_too_complex` or `too_many_pixels`.
    """
    encoded = read_image_file(body)
    _check_size(encoded.width, encoded.height, max_pixels)
    try:
        pixels = _rgb_pixels(_decode(encoded, max_pixels, side))
    except UnidentifiedImageError as error:
        raise damaged("its header is of no kind that can be read") from error
    except (Image.DecompressionBombError, MemoryError) as error:  # the first is Pillow's own, wider limit
        raise ImageError(
            "too_many_pixels",
            f"There is no memory for an image of {encoded.width}x{encoded.height} pixels: send a smaller one.",
        ) from error
    except (*DAMAGE, struct.error, zlib.error) as error:
        raise damaged(str(error).rstrip(".") or type(error).__name__) from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def count_pixels(body: bytes) -> int:
    """Width times height by the image's header, whatever may be wrong with the rest; 0 if there is none to read."""
    try:
        encoded = read_image_file(body)
    except ImageError:
        return 0
    return encoded.width * encoded.height


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageError(
            "too_many_pixels",
            f"The image has {width}x{height} pixels; at most {max_pixels} are accepted: send a smaller one.",
        )


def _decode(encoded: EncodedImage, max_pixels: int, side: int) -> Image.Image:
    """The picture as a person sees it, in its own colour mode."""
    with Image.open(io.BytesIO(encoded.content), formats=(encoded.file_format,)) as file:
        _check_size(file.width, file.height, max_pixels)  # a damaged file may have a second size
        if side > 0:
            file.draft(None, (side, side))  # the decoder leaves out the finest waves; other formats ignore it
        file.load()
        turn = TURNS.get(encoded.orientation)
        return file if turn is None else file.transpose(turn)


def _rgb_pixels(image: Image.Image) -> np.ndarray:
    """Uint8 (H, W, 3)."""
    width, height = image.size
    if width * height <= STRIP_PIXELS:
        return np.array(_to_rgb(image))
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        pixels[top:bottom] = np.asarray(_to_rgb(image.crop((0, top, width, bottom))))
    return pixels


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":  # 16-bit grey; convert() would clip it to white
        levels = np.asarray(image, dtype=np.float32) / 256.0
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:  # what lies under transparent pixels is arbitrary: show them on white
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
