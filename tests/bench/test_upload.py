"""The form must be one that servers can read."""

import pytest
from flask import Flask, request

from bench.photos import photo
from bench.upload import BOUNDARY, form


@pytest.mark.parametrize("field", ["file", "images"])
def test_a_server_reads_the_very_image_from_the_named_field(field: str) -> None:
    image = photo(0)
    body, content_type = form(image, field)
    with Flask("server").test_request_context(method="POST", data=body, content_type=content_type):
        (received,) = request.files.values()
        assert list(request.files) == [field]
        assert received.mimetype == "image/jpeg"
        assert received.read() == image


def test_no_photo_of_the_benchmark_contains_the_boundary() -> None:
    assert BOUNDARY.encode() not in photo(0)
