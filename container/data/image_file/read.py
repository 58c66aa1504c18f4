"""Any image file -> what is known of it before it is decoded."""

from container.data.image_file.encoded import EncodedImage
from container.data.image_file.formats import FORMATS, format_names
from container.errors import ImageError


def read_image_file(body: bytes) -> EncodedImage:
    """The picture as stored, known by its first bytes, whatever its name or content type.

    Takes microseconds: no pixel is decoded, and of metadata the orientation alone is read.
    Raises ImageError with the code `empty_image`, `undecodable_image` or `image_too_complex`.
    """
    if not body:
        raise ImageError("empty_image", f"The image is empty (0 bytes); send the bytes of a {format_names()} file.")
    for known in FORMATS:
        if known.matches(body):
            return known.read(body)
    raise ImageError(
        "undecodable_image", f"These {len(body)} bytes are not a {format_names()} image; send one of those."
    )
