"""Request body and content type -> images, or for each image the error that its sender is told."""

import base64
import binascii
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib import format as npy_format
from torch import Tensor
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, File, MultipartDecoder

from container.data.decode import count_pixels, decode_image
from container.errors import ImageError, RequestError

JSON_TYPE = "application/json"
NPY_TYPE = "application/x-npy"
MULTIPART_TYPE = "multipart/form-data"
IMAGE_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/jpg",  # a common slip
    "application/jpeg",  # the hosting FAQ's spelling
    "application/x-image",  # what SageMaker's built-in image algorithms take
    "application/octet-stream",
    "",  # the runtime API lets a caller leave the type out
)
STATUS_OF = {"empty_image": 400, "undecodable_image": 400, "too_many_pixels": 413}
TEXT_FIELDS = 16  # fields of a form that are no images: ignored, up to this many

Crop = Callable[[Tensor], Tensor]  # uint8 (3, H, W) of any size -> what the network sees of it
Image = Tensor | RequestError  # what `crop` made of it, or why this one image cannot be had


@dataclass(frozen=True)
class Limits:
    """What one request may hold."""

    images: int
    image_pixels: int
    request_pixels: int


@dataclass(frozen=True)
class View:
    """What is kept of each image as soon as it is decoded, so that one at a time is in memory in full.

    `side`: pixels of the shorter side that `crop` needs, so that large JPEGs are decoded smaller; 0: all of them.
    """

    crop: Crop
    side: int = 0


def decode_request(body: bytes, content_type: str | None, limits: Limits, view: View) -> list[Image]:
    """The views of a request's images, at least one, in its order; of several, a bad one's error takes its place.

    Raises RequestError 400, 413, 415 or 422 if the request as a whole cannot be read.
    """
    mimetype, parameters = parse_options_header(content_type)
    mimetype = mimetype.lower()
    if mimetype in IMAGE_TYPES:
        return _decode_images([body], limits, view)
    if mimetype == JSON_TYPE:
        return _decode_images(_base64_images(_instances(body, limits)), limits, view)
    if mimetype == MULTIPART_TYPE:
        return _decode_images(_multipart_images(body, parameters.get("boundary", ""), limits), limits, view)
    if mimetype == NPY_TYPE:
        return [view.crop(image) for image in _npy_images(body, limits)]
    raise RequestError(
        415,
        "unsupported_content_type",
        f"The content type {mimetype!r} is not supported; send image/jpeg, image/png, image/webp, "
        f"application/x-image, application/octet-stream, {MULTIPART_TYPE}, {JSON_TYPE} or {NPY_TYPE}.",
    )


def _decode_images(encoded: Iterable[bytes | RequestError], limits: Limits, view: View) -> list[Image]:
    images: list[Image] = []
    pixels_left = limits.request_pixels
    for item in encoded:
        if isinstance(item, RequestError):
            images.append(item)
            continue
        image = _decode_one(item, limits, pixels_left, view.side)
        if isinstance(image, Tensor):
            pixels_left -= count_pixels(item)  # of the file, however small it was decoded: those are what it costs
            image = view.crop(image)
        images.append(image)
    return images


def _decode_one(encoded: bytes, limits: Limits, pixels_left: int, side: int) -> Image:
    try:
        return decode_image(encoded, min(limits.image_pixels, pixels_left), side)
    except ImageError as error:
        message = str(error)
        if error.code == "too_many_pixels" and pixels_left < limits.image_pixels:
            message = (
                f"The images of this request exceed {limits.request_pixels} pixels together; send fewer at a time."
            )
        return RequestError(STATUS_OF[error.code], error.code, message)


def _instances(body: bytes, limits: Limits) -> list[object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, "invalid_json", f"The body is not JSON: {error}.") from error
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list) or not instances:
        raise RequestError(
            422, "no_instances", 'The body has no images; send {"instances": [{"b64": "<base64 of an image file>"}]}.'
        )
    _check_count(len(instances), limits)
    return instances


def _base64_images(instances: list[object]) -> Iterator[bytes | RequestError]:
    for instance in instances:
        text = instance.get("b64") if isinstance(instance, dict) else None
        if not isinstance(text, str):
            yield RequestError(422, "invalid_instance", 'An instance must be {"b64": "<base64 of an image file>"}.')
            continue
        try:
            yield base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            yield RequestError(400, "invalid_base64", f"The text of `b64` is not base64: {error}.")


def _multipart_images(body: bytes, boundary: str, limits: Limits) -> list[bytes]:
    # Not Flask's own parser: that one writes large parts to disk, and takes parts without a file name for text.
    decoder = MultipartDecoder(boundary.encode(), max_parts=limits.images + TEXT_FIELDS)
    images: list[bytes] = []
    is_image = False
    try:
        decoder.receive_data(body)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, Data):
                if is_image:
                    images.append(event.data)  # the whole part, as the whole body was given at once
            elif hasattr(event, "headers"):
                is_image = isinstance(event, File) or "content-type" in event.headers
    except RequestEntityTooLarge as error:
        raise _too_many_images(limits) from error
    except (ValueError, AttributeError) as error:  # the decoder's own answers to a damaged body
        raise RequestError(
            400,
            "invalid_multipart",
            "The body is not multipart/form-data with the boundary that its content type names.",
        ) from error
    if not images:
        raise RequestError(422, "no_images", "The form has no files; send each image as a file field.")
    _check_count(len(images), limits)
    return images


def _npy_images(body: bytes, limits: Limits) -> list[Tensor]:
    stream = io.BytesIO(body)
    shape, dtype = _read_npy_header(stream)
    if dtype != np.uint8 or len(shape) not in (3, 4) or shape[-1] != 3 or 0 in shape:
        raise RequestError(
            422, "wrong_array", f"The array is {dtype} {shape}; it must be uint8 (H, W, 3) or (N, H, W, 3), RGB."
        )
    _check_count(shape[0] if len(shape) == 4 else 1, limits)
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


def _read_npy_header(stream: io.BytesIO) -> tuple[tuple[int, ...], np.dtype]:
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    try:
        shape, _, dtype = readers[npy_format.read_magic(stream)](stream)
    except (KeyError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise RequestError(
            400, "invalid_npy", "The body is not an .npy file of version 1 or 2; write it with numpy.save."
        ) from error
    return shape, dtype


def _check_count(count: int, limits: Limits) -> None:
    if count > limits.images:
        raise _too_many_images(limits)


def _too_many_images(limits: Limits) -> RequestError:
    return RequestError(
        413, "too_many_images", f"The request has more than {limits.images} images; send fewer at a time."
    )
