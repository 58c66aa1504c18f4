"""The image formats that are read, each known by its first bytes: one entry is all that a further one needs."""

from collections.abc import Callable
from dataclasses import dataclass

from container.data.image_file import jpeg, png, webp
from container.data.image_file.encoded import EncodedImage


@dataclass(frozen=True)
class ImageFormat:
    """`read` is the only way to a decoder, and tells the picture's size before a pixel is allocated.

    It must look at no more of the file than a bounded number of parts, and raise ImageError (`damaged`,
    `too_complex`) for anything that it does not know: the file may be an attack.
    """

    name: str  # as a person writes it
    content_types: tuple[str, ...]  # under which it is sent, the right one first
    matches: Callable[[bytes], bool]  # whether a body begins as such a file does
    read: Callable[[bytes], EncodedImage]


FORMATS = (
    ImageFormat(
        "JPEG",
        # A common slip, and the hosting FAQ's spelling.
        ("image/jpeg", "image/jpg", "application/jpeg"),
        lambda body: body.startswith(jpeg.START),
        jpeg.read_jpeg,
    ),
    ImageFormat("PNG", ("image/png",), lambda body: body.startswith(png.START), png.read_png),
    ImageFormat(
        "WebP",
        ("image/webp",),
        lambda body: body.startswith(webp.START) and body[8:12] == webp.FORM,
        webp.read_webp,
    ),
)


def format_names() -> str:
    """`JPEG, PNG or WebP`, for sentences."""
    *others, last = (known.name for known in FORMATS)
    return f"{', '.join(others)} or {last}"
