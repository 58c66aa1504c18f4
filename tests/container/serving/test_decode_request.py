import base64
import io
import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from container.errors import RequestError
from container.serving.decode_request import IMAGE_TYPES, Image, Limits, View, decode_request
from container.serving.encoded_images import lines_images
from tests.hostile.jpeg_bombs import many_scans

LIMITS = Limits(images=4, image_pixels=2000, request_pixels=6000)


def decode(body: bytes, content_type: str | None, limits: Limits = LIMITS) -> list[Image]:
    return decode_request(body, content_type, limits, View(crop=lambda image: image))


def colours(images: list[Image]) -> list[Any]:
    """The middle pixel of each image, each channel rounded to 0 or 1; the code of each error."""
    return [
        image.code if isinstance(image, RequestError) else (image[:, image.shape[1] // 2, 0] > 127).int().tolist()
        for image in images
    ]


def refusal(body: bytes, content_type: str | None, limits: Limits = LIMITS) -> tuple[int, str]:
    with pytest.raises(RequestError) as error:
        decode(body, content_type, limits)
    assert str(error.value).endswith(".")
    return error.value.status, error.value.code


def instances(*encoded: bytes) -> bytes:
    return json.dumps({"instances": [{"b64": base64.b64encode(item).decode()} for item in encoded]}).encode()


def form(*parts: tuple[str, bytes]) -> bytes:
    """A multipart body, boundary `b`, from (headers beside Content-Disposition, content)."""
    lines = [
        b'--b\r\nContent-Disposition: form-data; name="x"%s\r\n\r\n%s\r\n' % (head.encode(), c) for head, c in parts
    ]
    return b"".join(lines) + b"--b--\r\n"


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_promise(shape: str, descr: str = "|u1") -> bytes:
    """An .npy file whose header promises this shape, with 3 bytes behind it."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0\0\0"


@pytest.mark.parametrize("content_type", [*IMAGE_TYPES, None, "IMAGE/JPEG; charset=binary"])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_an_image_is_known_by_its_bytes_under_every_image_type(encode_image, content_type, file_format):
    assert colours(decode(encode_image("red", file_format), content_type)) == [[1, 0, 0]]


@pytest.mark.parametrize("content_type", ["image/gif", "text/plain", "application/x-www-form-urlencoded", "audio/*"])
def test_other_content_types_are_415(red_jpeg, content_type):
    assert refusal(red_jpeg, content_type) == (415, "unsupported_content_type")


def test_json_instances_keep_their_order(red_jpeg, blue_png):
    assert colours(decode(instances(red_jpeg, blue_png), "application/json; charset=utf-8")) == [[1, 0, 0], [0, 0, 1]]


def test_one_bad_image_takes_only_its_own_place(red_jpeg, blue_png):
    body = instances(red_jpeg, b"no image", b"", blue_png)
    assert colours(decode(body, "application/json")) == [[1, 0, 0], "undecodable_image", "empty_image", [0, 0, 1]]


@pytest.mark.parametrize(
    ("instance", "code", "status"),
    [
        ({"b64": "%%%"}, "invalid_base64", 400),
        ({"b64": "ä"}, "invalid_base64", 400),
        ({"b64": 7}, "invalid_instance", 422),
        ({"image": ""}, "invalid_instance", 422),
        ("text", "invalid_instance", 422),
    ],
)
def test_a_bad_instance_is_told_what_is_wrong_with_it(instance, code, status):
    (image,) = decode(json.dumps({"instances": [instance]}).encode(), "application/json")
    assert isinstance(image, RequestError)
    assert (image.code, image.status) == (code, status)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"instances": NaN'])
def test_what_is_no_json_is_400(body):
    assert refusal(body, "application/json") == (400, "invalid_json")


@pytest.mark.parametrize("value", [b"{}", b"[]", b'"ab"', b"1"])
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_json_of_a_hundred_thousand_values_is_refused_unread(value, content_type):
    body = b'{"instances": [' + b",".join([value] * 100_001) + b"]}"
    assert refusal(body, content_type) == (413, "too_many_values")


def test_the_error_of_a_line_keeps_nothing_alive_that_led_to_it():
    """100,000 of them took 4 s, most of it the garbage collector's."""
    (error,) = lines_images(b"{")
    assert isinstance(error, RequestError)
    assert error.code == "invalid_json"
    assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)


def test_a_jpeg_that_is_built_to_take_very_long_is_413():
    (image,) = decode(many_scans(40, 40, 200), "image/jpeg")
    assert isinstance(image, RequestError)
    assert (image.status, image.code) == (413, "image_too_complex")


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"instances": []}', b'{"instances": {"b64": ""}}'])
def test_json_without_instances_is_422(body):
    assert refusal(body, "application/json") == (422, "no_instances")


def test_files_of_a_form_are_images_and_its_text_fields_are_not(red_jpeg, blue_png):
    body = form(("; filename=a.jpg", red_jpeg), ("", b"some text"), ("\r\nContent-Type: image/png", blue_png))
    assert colours(decode(body, "multipart/form-data; boundary=b")) == [[1, 0, 0], [0, 0, 1]]


def test_a_bad_file_of_a_form_takes_only_its_own_place(red_jpeg):
    body = form(("; filename=a.jpg", b"no image"), ("; filename=b.jpg", b""), ("; filename=c.jpg", red_jpeg))
    images = decode(body, "multipart/form-data; boundary=b")
    assert colours(images) == ["undecodable_image", "empty_image", [1, 0, 0]]


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (b"", "b"),
        (b"no form", "b"),
        (b"--b\r\nno header\r\n\r\nx\r\n--b--", "b"),
        (form(("; filename=a", b"cut"))[:-6], "b"),
        (form(("; filename=a", b"x")), "other"),
        (form(("; filename=a", b"x")), ""),
        (b"--b\r\nContent-Disposition: form-data; name=\xff\r\n\r\nx\r\n--b--\r\n", "b"),
    ],
)
def test_a_damaged_form_is_400(body, boundary):
    assert refusal(body, f"multipart/form-data; boundary={boundary}") == (400, "invalid_multipart")


def test_a_form_without_a_boundary_is_400(red_jpeg):
    assert refusal(form(("; filename=a", red_jpeg)), "multipart/form-data") == (400, "invalid_multipart")


def test_a_form_without_files_is_422():
    assert refusal(form(("", b"text")), "multipart/form-data; boundary=b") == (422, "no_images")


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_of_one_image_is_one_image(order):
    array = np.zeros((4, 6, 3), np.uint8, order=order)
    array[..., 1] = 255
    (image,) = decode(npy(array), "application/x-npy")
    assert isinstance(image, torch.Tensor)
    assert (image.shape, image.dtype) == ((3, 4, 6), torch.uint8)
    assert colours([image]) == [[0, 1, 0]]


def test_an_array_of_images_is_that_many():
    array = np.zeros((2, 4, 6, 3), np.uint8)
    array[0, ..., 0] = array[1, ..., 2] = 255
    assert colours(decode(npy(array), "application/x-npy")) == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((1, 1, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 4, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_of_another_kind_is_422(array):
    assert refusal(npy(array), "application/x-npy") == (422, "wrong_array")


def test_pickled_objects_are_refused_unread():
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    assert refusal(file.getvalue(), "application/x-npy") == (422, "wrong_array")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\x93NUMPY", b"\x93NUMPY\x09\x00", npy(np.zeros((4, 4, 3), np.uint8))[:-1], npy_promise("(2, 2, 3)")),
        npy_promise("(2, 2, 3"),  # what numpy's own tokenizer fails on
    ],
)
def test_a_damaged_array_is_400(body):
    assert refusal(body, "application/x-npy") == (400, "invalid_npy")


@pytest.mark.parametrize("shape", ["(60000, 60000, 3)", "(4, 99999999999, 9, 3)"])
def test_a_giant_array_is_refused_by_its_header(shape):
    assert refusal(npy_promise(shape), "application/x-npy") == (413, "too_many_pixels")


def test_more_images_than_allowed_are_413(red_jpeg):
    refused = (413, "too_many_images")
    assert refusal(instances(*[red_jpeg] * 5), "application/json") == refused
    assert refusal(form(*[("; filename=a", red_jpeg)] * 5), "multipart/form-data; boundary=b") == refused
    assert refusal(form(*[("; filename=a", red_jpeg)] * 50), "multipart/form-data; boundary=b") == refused
    assert refusal(npy(np.zeros((5, 2, 2, 3), np.uint8)), "application/x-npy") == refused


def test_an_image_over_the_pixel_limit_is_413_in_its_place(encode_image, red_jpeg):
    large, small = decode(instances(encode_image("red", size=(100, 21)), red_jpeg), "application/json")
    assert isinstance(large, RequestError)
    assert (large.status, large.code) == (413, "too_many_pixels")
    assert "100x21" in str(large)
    assert isinstance(small, torch.Tensor)


def test_the_images_of_a_request_share_a_pixel_limit(red_jpeg):
    images = decode(instances(*[red_jpeg] * 3), "application/json", Limits(4, 2000, 3000))  # 1200 pixels each
    assert colours(images) == [[1, 0, 0], [1, 0, 0], "too_many_pixels"]
    assert "3000 pixels together" in str(images[2])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["image/png", "application/json", "multipart/form-data; boundary=b", "application/x-npy"]),
    st.binary(max_size=200),
    st.sampled_from([b"", b'{"instances": [', b"--b\r\nContent-Disposition: ", b"\x93NUMPY\x01\x00\x40\x00{'descr': "]),
)
def test_no_body_whatever_ends_in_another_error(content_type, rest, start):
    try:
        status = 200 if decode(start + rest, content_type) else 0
    except RequestError as error:
        status = error.status
    assert status in (200, 400, 413, 422)
