"""An .npy file -> images."""

import io
import math
from tokenize import TokenError

import numpy as np
import torch
from numpy.lib import format as npy_format
from torch import Tensor

from container.errors import RequestError
from container.serving.limits import Limits, check_count


def npy_images(body: bytes, limits: Limits) -> list[Tensor]:
    """Images, each uint8 (3, H, W), of an array uint8 (H, W, 3) or (N, H, W, 3).

    Raises RequestError 400, 413 or 422 if it is none, or larger than it may be.
    """
    stream = io.BytesIO(body)
    shape, dtype = _read_header(stream)
    if dtype != np.uint8 or len(shape) not in (3, 4) or shape[-1] != 3 or 0 in shape:
        raise RequestError(
            422, "wrong_array", f"The array is {dtype} {shape}; it must be uint8 (H, W, 3) or (N, H, W, 3), RGB."
        )
    check_count(shape[0] if len(shape) == 4 else 1, limits)
    pixels, expected, present = math.prod(shape[-3:-1]), math.prod(shape), len(body) - stream.tell()
    if pixels > limits.image_pixels or expected // 3 > limits.request_pixels:
        raise RequestError(
            413,
            "too_many_pixels",
            f"The array is {shape}; at most {limits.image_pixels} pixels per image and {limits.request_pixels} per "
            "request are accepted.",
        )
    if expected != present:
        raise RequestError(
            400, "invalid_npy", f"The array {shape} needs {expected} bytes, but {present} follow its header."
        )
    array = np.load(io.BytesIO(body), allow_pickle=False)
    return list(torch.from_numpy(array.reshape(-1, *shape[-3:])).permute(0, 3, 1, 2).unbind())


def _read_header(stream: io.BytesIO) -> tuple[tuple[int, ...], np.dtype]:
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    try:
        shape, _, dtype = readers[npy_format.read_magic(stream)](stream)
    except (KeyError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError, TokenError) as error:
        raise RequestError(
            400, "invalid_npy", "The body is not an .npy file of version 1 or 2; write it with numpy.save."
        ) from error
    return shape, dtype
