"""Image bytes -> RGB pixels, the same way for training and for serving.

Only three decoders are ever tried, the header's size is checked before any pixel is allocated, the EXIF orientation
is applied, and every colour mode ends as 8-bit RGB.
"""

import io
import warnings

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from container.errors import ImageError

# Pillow warns of broken metadata in images that decode well. Set once: a filter around each call is not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")

FORMATS = ("JPEG", "PNG", "WEBP")  # Pillow's names; a phone's multi-picture JPEG counts as JPEG
MAX_IMAGE_PIXELS = 50_000_000  # 150 MB as RGB: a 48-megapixel phone camera passes


def decode_image(body: bytes, max_pixels: int = MAX_IMAGE_PIXELS, side: int = 0) -> Tensor:
    """RGB pixels, uint8 (3, H, W), of a JPEG, PNG or WebP file; H and W are those a person sees.

    A JPEG of which no more is needed is decoded at 1/2, 1/4 or 1/8 of its size, as long as its shorter side keeps
    `side` pixels or more; 0 decodes it in full. `max_pixels` always limits the size in the header.
    The tensor is a view of interleaved pixels, that is, channels-last in memory.
    Raises ImageError with the code `empty_image`, `undecodable_image` or `too_many_pixels`.
    """
    if not body:
        raise ImageError("empty_image", "The image is empty (0 bytes); send the bytes of a JPEG, PNG or WebP file.")
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as image:
            _check_size(image.width, image.height, max_pixels)
            if side > 0:
                image.draft(None, (side, side))  # the decoder leaves out the finest waves; other formats ignore it
            ImageOps.exif_transpose(image, in_place=True)  # copies nothing where there is nothing to turn
            pixels = np.array(_to_rgb(image))
    except UnidentifiedImageError as error:
        raise ImageError(
            "undecodable_image", f"These {len(body)} bytes are not a JPEG, PNG or WebP image; send one of those."
        ) from error
    except Image.DecompressionBombError as error:  # Pillow's own, wider limit
        raise ImageError(
            "too_many_pixels",
            f"The image has far more pixels than the {max_pixels} that are accepted: send a smaller one.",
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        # Pillow's decoders raise all of these on damaged files; the image, not our code, is at fault.
        reason = str(error).rstrip(".") or type(error).__name__
        raise ImageError("undecodable_image", f"The image is damaged and cannot be decoded: {reason}.") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def count_pixels(body: bytes) -> int:
    """Width times height by the image's header, whatever may be wrong with the rest; 0 if there is none to read."""
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as image:
            return image.width * image.height
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError):
        return 0


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageError(
            "too_many_pixels",
            f"The image has {width}x{height} pixels; at most {max_pixels} are accepted: send a smaller one.",
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":  # 16-bit grey; convert() would clip it to white
        levels = np.asarray(image, dtype=np.float32) / 256.0
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:  # what lies under transparent pixels is arbitrary: show them on white
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
