"""Files that are two things at once, or that say to be what they are not."""

import io
import zipfile
from random import Random

from tests.hostile.case import BytesBuilder
from tests.hostile.good_images import all_images, good_images, png_chunk
from tests.hostile.jpeg_bombs import segment
from tests.hostile.png_bombs import with_chunks

HTML = b"<html><script>alert(1)</script></html>"
STARTS = (
    b"GIF89a",
    b"GIF87a",
    b"BM",
    b"%PDF-1.4\n",
    b"II*\0",
    b"\0\0\1\0",
    b"RIFF\xff\xff\xff\xffWEBP",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
)


def with_archive(rng: Random) -> bytes:
    """An image that is a ZIP archive too, as those are read from their end."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("../../etc/cron.d/x"), b"x" * rng.randrange(500))
    return rng.choice(all_images()) + file.getvalue()


def with_page(rng: Random) -> bytes:
    png, jpeg = good_images("png")["rgb"], good_images("jpeg")["baseline"]
    return rng.choice(
        (
            with_chunks(png, png_chunk(b"tEXt", b"Comment\0" + HTML)),
            png + HTML,
            jpeg[:2] + segment(0xFE, HTML) + jpeg[2:],
            jpeg + HTML,
        )
    )


def foreign_start(rng: Random) -> bytes:
    body = rng.choice(all_images())
    start = rng.choice(STARTS)
    return rng.choice((start + body, start + body[len(start) :]))


def two_images(rng: Random) -> bytes:
    first, second = rng.choice(all_images()), rng.choice(all_images())
    return rng.choice((first + second, first[: len(first) // 2] + second + first[len(first) // 2 :]))


def other_format(rng: Random) -> bytes:
    return rng.choice(list(good_images("other").values()))


KINDS: dict[str, BytesBuilder] = {
    "archive": with_archive,
    "page": with_page,
    "start": foreign_start,
    "two": two_images,
    "other-format": other_format,
}
