"""JSON, JSON Lines and forms -> the bytes of the image files in them, still encoded, or each one's error."""

import base64
import binascii
import json
from collections.abc import Iterator

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, File, MultipartDecoder

from container.errors import RequestError
from container.serving.limits import Limits, check_count, too_many_images

Encoded = bytes | RequestError
TEXT_FIELDS = 16  # fields of a form that are no images: ignored, up to this many
MOST_VALUES = 100_000  # of one JSON document
MOST_LINES = 100_000  # of one body; each costs an answer


def json_images(body: bytes, limits: Limits) -> Iterator[Encoded]:
    """The images of {"instances": [{"b64": ...}]}. Raises RequestError 400, 413 or 422 at once if there are none."""
    document = parse_json(body)
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list) or not instances:
        raise RequestError(
            422, "no_instances", 'The body has no images; send {"instances": [{"b64": "<base64 of an image file>"}]}.'
        )
    check_count(len(instances), limits)
    return map(_base64_image, instances)


def lines_images(body: bytes) -> Iterator[Encoded]:
    """The image of each line {"b64": ...}; a line that is empty or anything else has its error in its place."""
    lines = body.removesuffix(b"\n").split(b"\n", MOST_LINES)
    if len(lines) > MOST_LINES:
        raise too_many_images(MOST_LINES)
    return map(_line_image, lines)


def multipart_images(body: bytes, boundary: str, limits: Limits) -> list[bytes]:
    """The files of a form. Raises RequestError 400, 413 or 422 if it cannot be read or has none."""
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
        raise too_many_images(limits.images) from error
    except (ValueError, AttributeError) as error:  # the decoder's own answers to a damaged body
        raise RequestError(
            400,
            "invalid_multipart",
            "The body is not multipart/form-data with the boundary that its content type names.",
        ) from error
    if not images:
        raise RequestError(422, "no_images", "The form has no files; send each image as a file field.")
    check_count(len(images), limits)
    return images


def parse_json(text: bytes) -> object:
    # Base64 holds none of these. Each value becomes an object, of 24 times the bytes that `{},` has.
    if sum(map(text.count, b"[{,")) > MOST_VALUES:
        raise RequestError(
            413, "too_many_values", f"The JSON has more than {MOST_VALUES} values; send images alone, as base64."
        )
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, "invalid_json", f"The body is not JSON: {error}.") from error
    return document


def _line_image(line: bytes) -> Encoded:
    try:
        return _base64_image(parse_json(line))
    except RequestError as error:
        # Without what led to it: a body may have 100,000 such lines, and each would keep its frames alive.
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)


def _base64_image(instance: object) -> Encoded:
    text = instance.get("b64") if isinstance(instance, dict) else None
    if not isinstance(text, str):
        return RequestError(422, "invalid_instance", 'An instance must be {"b64": "<base64 of an image file>"}.')
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        return RequestError(400, "invalid_base64", f"The text of `b64` is not base64: {error}.")
