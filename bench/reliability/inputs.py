"""Requests of every kind that the server knows, good and bad, each with the status that it deserves."""

import base64
import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.photos import photo
from bench.reliability.callers import Request
from bench.upload import form
from container.serving.settings import ServeSettings

LARGE_SIZE, SMALL_SIZE = (1600, 1200), (64, 48)
LARGE_PNG_SIDE = 2800  # stored as it is: 23.5 MB, just below the largest body
JSON_TYPE, NPY_TYPE = "application/json", "application/x-npy"


def mixed_requests() -> list[Request]:
    """One of each kind."""
    return [*good_requests(), *bad_requests()]


def good_requests() -> list[Request]:
    usual, large, small = photo(0), photo(1, LARGE_SIZE), photo(2, SMALL_SIZE)
    as_form, form_type = form(usual, "file")
    return [
        Request(body=usual),
        Request(body=large),
        Request(body=small),
        Request(body=usual, is_chunked=True),
        Request(body=usual, content_type="application/x-image", path="/invocations?top_k=3"),
        Request(body=reencoded(usual, "PNG"), content_type="image/png"),
        Request(body=reencoded(usual, "WEBP"), content_type="image/webp"),
        Request(body=instances(usual, small, large, b"broken"), content_type=JSON_TYPE),
        Request(body=as_form, content_type=form_type),
        Request(body=as_npy(np.zeros((3, 240, 320, 3), np.uint8)), content_type=NPY_TYPE),
        Request(method="GET", path="/ping"),
    ]


def bad_requests() -> list[Request]:
    usual = photo(0)
    return [
        Request(body=usual[: len(usual) // 2][:200], status=400),
        Request(body=b"this is no image", status=400),
        Request(status=400),
        Request(body=usual, content_type="text/plain", status=415),
        Request(body=b"{", content_type=JSON_TYPE, status=400),
        Request(body=b"{}", content_type=JSON_TYPE, status=422),
        Request(body=instances(b"broken"), content_type=JSON_TYPE, status=400),
        Request(body=usual, content_type="multipart/form-data; boundary=x", status=400),
        Request(body=as_npy(np.zeros((2, 2), np.float32)), content_type=NPY_TYPE, status=422),
        Request(body=usual, path="/invocations?top_k=0", status=422),
        Request(body=bytes(ServeSettings().max_body_bytes + 1), status=413),
        Request(method="GET", path="/invocations", status=405),
        Request(method="GET", path="/unknown", status=404),
    ]


def large_requests() -> list[Request]:
    """Bodies near the limit, of the kinds that web servers like to keep on disk."""
    image = Image.new("RGB", (LARGE_PNG_SIDE, LARGE_PNG_SIDE))
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=0)
    as_form, form_type = form(file.getvalue(), "file")
    return [
        Request(body=file.getvalue(), content_type="image/png"),
        Request(body=file.getvalue(), content_type="image/png", is_chunked=True),
        Request(body=as_form, content_type=form_type),
        Request(body=bytes(ServeSettings().max_body_bytes + 1), status=413),
    ]


def reencoded(image: bytes, file_format: str) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(image)).save(file, file_format)
    return file.getvalue()


def instances(*images: bytes) -> bytes:
    return json.dumps({"instances": [{"b64": base64.b64encode(image).decode()} for image in images]}).encode()


def as_npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
