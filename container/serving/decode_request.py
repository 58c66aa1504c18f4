"""Request body and content type -> images, or for each image the error that its sender is told."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from torch import Tensor
from werkzeug.http import parse_options_header

from container.data.decode import count_pixels, decode_image
from container.data.image_file.formats import FORMATS
from container.errors import ImageError, RequestError
from container.serving.encoded_images import Encoded, json_images, lines_images, multipart_images
from container.serving.limits import Limits
from container.serving.npy_body import npy_images

JSON_TYPE = "application/json"
LINES_TYPES = (
    "application/jsonlines",  # SageMaker's name for it; others are in use too
    "application/x-jsonlines",
    "application/jsonl",
    "application/x-ndjson",
)
NPY_TYPE = "application/x-npy"
MULTIPART_TYPE = "multipart/form-data"
ANY_IMAGE_TYPES = (  # whatever the format is, it is told by the first bytes
    "application/x-image",  # what SageMaker's built-in image algorithms take
    "application/octet-stream",
)
IMAGE_TYPES = (
    *(content_type for known in FORMATS for content_type in known.content_types),
    *ANY_IMAGE_TYPES,
    "",  # the runtime API lets a caller leave the type out
)
USUAL_TYPES = (*(known.content_types[0] for known in FORMATS), *ANY_IMAGE_TYPES, MULTIPART_TYPE, JSON_TYPE)
STATUS_OF = {"empty_image": 400, "undecodable_image": 400, "too_many_pixels": 413, "image_too_complex": 413}

Crop = Callable[[Tensor], Tensor]  # uint8 (3, H, W) of any size -> what the network sees of it
Image = Tensor | RequestError  # what `crop` made of it, or why this one image cannot be had


@dataclass(frozen=True)
class View:
    """What is kept of each image as soon as it is decoded, so that one at a time is in memory in full.

    `side`: pixels of the shorter side that `crop` needs, so that large JPEGs are decoded smaller; 0: all of them.
    """

    crop: Crop
    side: int = 0


def is_lines(content_type: str | None) -> bool:
    """Whether a body has an image in each line, and its answer is to have a line for each."""
    return parse_options_header(content_type)[0].lower() in LINES_TYPES


def decode_groups(
    body: bytes, content_type: str | None, limits: Limits, view: View
) -> Iterator[Callable[[], list[Image]]]:
    """Functions that give the views of a request's images, at least one each, in its order.

    One for all of them, except of JSON Lines: batch transform fills a request with as many as its payload may hold, so
    they come as many at a time as another request may have, each group under the limits of a request.
    """
    if not is_lines(content_type):
        yield lambda: decode_request(body, content_type, limits, view)
        return
    lines = lines_images(body)
    while group := list(islice(lines, limits.images)):
        yield partial(_decode_images, group, limits, view)


def decode_request(body: bytes, content_type: str | None, limits: Limits, view: View) -> list[Image]:
    """The views of the images of a request that is not JSON Lines; of several, a bad one's error takes its place.

    Raises RequestError 400, 413, 415 or 422 if the request as a whole cannot be read.
    """
    mimetype, parameters = parse_options_header(content_type)
    mimetype = mimetype.lower()
    if mimetype in IMAGE_TYPES:
        return _decode_images([body], limits, view)
    if mimetype == JSON_TYPE:
        return _decode_images(json_images(body, limits), limits, view)
    if mimetype == MULTIPART_TYPE:
        return _decode_images(multipart_images(body, parameters.get("boundary", ""), limits), limits, view)
    if mimetype == NPY_TYPE:
        return [view.crop(image) for image in npy_images(body, limits)]
    raise RequestError(
        415,
        "unsupported_content_type",
        f"The content type {mimetype[:100]!r} is not supported; send {', '.join(USUAL_TYPES)}, {LINES_TYPES[0]} or "
        f"{NPY_TYPE}.",
    )


def _decode_images(encoded: Iterable[Encoded], limits: Limits, view: View) -> list[Image]:
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
