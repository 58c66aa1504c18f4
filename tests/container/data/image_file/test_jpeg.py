import io

import pytest
from PIL import Image

from container.data.image_file.jpeg import MAX_KEPT_BYTES, MAX_SCANS, MAX_SEGMENTS, read_jpeg
from container.errors import ImageError
from tests.hostile.exif_blocks import exif_block
from tests.hostile.good_images import SIZE, exif, good_images, picture, saved
from tests.hostile.jpeg_bombs import END, START, many_scans, scan, segment

BASELINE = good_images("jpeg")["baseline"]
ROTATED = segment(0xE1, b"Exif\0\0" + exif_block([(0x0112, 3, 1, 6)]))


def refusal(body: bytes) -> tuple[str, str]:
    with pytest.raises(ImageError) as caught:
        read_jpeg(body)
    return caught.value.code, str(caught.value)


@pytest.mark.parametrize("name", sorted(good_images("jpeg")))
def test_every_kind_of_jpeg_has_the_size_of_its_header_and_the_same_pixels_without_metadata(name):
    body = good_images("jpeg")[name]
    encoded = read_jpeg(body)
    assert (encoded.width, encoded.height, encoded.file_format) == (*SIZE, "JPEG")
    with Image.open(io.BytesIO(body)) as whole, Image.open(io.BytesIO(encoded.content)) as rest:
        assert whole.mode == rest.mode
        assert whole.tobytes() == rest.tobytes()


def test_a_decoder_is_shown_no_metadata():
    body = saved(picture(), "JPEG", exif=exif(), comment=b"a comment", icc_profile=b"a profile", xmp=b"some xmp")
    content = read_jpeg(body).content
    assert not [text for text in (b"Exif", b"a comment", b"a profile", b"some xmp") if text in content]
    assert len(content) < len(body)


def test_a_file_without_metadata_is_not_copied():
    assert read_jpeg(BASELINE).content is BASELINE


def test_the_orientation_is_found_behind_other_segments():
    body = START + segment(0xE2, b"ICC_PROFILE\0" + bytes(500)) + ROTATED + BASELINE[2:]
    assert read_jpeg(body).orientation == 6


def test_what_stands_between_segments_is_skipped():
    assert read_jpeg(START + b"junk\xff\xff\xff\xff" + BASELINE[3:]).content == BASELINE


def test_what_only_looks_like_exif_within_another_segment_is_none():
    assert read_jpeg(START + segment(0xFE, ROTATED) + BASELINE[2:]).orientation == 1


@pytest.mark.parametrize("part", [segment(0xE1, b"Exif\0\0x"), segment(0xFE, b""), b"\xff\xd0", segment(0xDB, b"")])
def test_too_many_segments_are_refused(part):
    assert read_jpeg(START + part * (MAX_SEGMENTS - 20) + BASELINE[2:]).width == SIZE[0]
    code, message = refusal(START + part * MAX_SEGMENTS + BASELINE[2:])
    assert code == "image_too_complex"
    assert "1000 segments" in message


def test_endless_fill_bytes_are_skipped_at_once():
    assert read_jpeg(START + b"\xff" * 2_000_000 + BASELINE[2:]).content == BASELINE


def test_tables_without_end_are_refused():
    table = segment(0xDB, (b"\0" + bytes(64)) * 900)
    assert refusal(START + table * (MAX_KEPT_BYTES // len(table) + 1) + BASELINE[2:])[0] == "image_too_complex"


def test_as_many_scans_as_are_accepted_are_decoded_and_one_more_is_refused():
    encoded = read_jpeg(many_scans(64, 64, MAX_SCANS - 1))  # and the first one
    with Image.open(io.BytesIO(encoded.content)) as image:
        assert image.size == (64, 64)
        image.load()
    code, message = refusal(many_scans(64, 64, MAX_SCANS))
    assert code == "image_too_complex"
    assert "101 scans of 64x64 pixels or more; at most 100 are accepted" in message


def test_a_large_picture_may_have_fewer_scans():
    assert read_jpeg(many_scans(7000, 7000, 15)).width == 7000
    assert "scans of 7000x7000 pixels or more; at most 20" in refusal(many_scans(7000, 7000, 20))[1]


def test_scans_of_other_pictures_within_and_behind_it_are_not_counted():
    others = segment(0xE1, b"\xff\xda" * 200) + good_images("jpeg")["progressive"][2:-2]
    assert read_jpeg(START + others + END + b"\xff\xda" * 200).width == SIZE[0]


def test_an_end_that_is_hidden_in_a_segment_between_scans_does_not_end_the_count():
    first, *rest = many_scans(64, 64, 300).split(b"\xff\xda")
    hidden = segment(0xFE, END)
    assert refusal(first + b"\xff\xda" + rest[0] + hidden + b"\xff\xda" + b"\xff\xda".join(rest[1:]))[0] == (
        "image_too_complex"
    )


def test_other_segments_between_scans_are_limited_too():
    first, second, *rest = many_scans(64, 64, 110).split(b"\xff\xda")
    flood = segment(0xFE, b"") * (MAX_SEGMENTS + 1)
    body = first + b"\xff\xda" + second + flood + b"\xff\xda" + b"\xff\xda".join(rest)
    assert refusal(body)[0] == "image_too_complex"


def test_a_sequential_picture_of_many_scans_is_counted_as_well():
    """Each component in a scan of its own: libjpeg goes over all of them, however often each comes."""
    at = BASELINE.find(b"\xff\xda")
    one = scan((0, 63), components=1, data=b"\0")
    assert refusal(BASELINE[:at] + one * 200 + END)[0] == "image_too_complex"


@pytest.mark.parametrize(
    "body",
    [START, START + END, BASELINE[: BASELINE.find(b"\xff\xda")], START + BASELINE[BASELINE.find(b"\xff\xda") :]],
    ids=["start", "end", "no pixels", "no size"],
)
def test_a_file_without_pixels_or_size_is_damaged(body):
    code, message = refusal(body)
    assert code == "undecodable_image"
    assert message.startswith("The image is damaged")


def test_a_second_size_is_refused():
    at = BASELINE.find(b"\xff\xc0")
    assert "twice" in refusal(BASELINE[:at] + BASELINE[at : at + 19] + BASELINE[at:])[1]
