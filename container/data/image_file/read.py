"""Any image file -> what is known of it before it is decoded."""

from container.data.image_file import jpeg, png, webp
from container.data.image_file.encoded import EncodedImage
from container.errors import ImageError


def read_image_file(body: bytes) -> EncodedImage:
    """The picture as stored, known by its first bytes, whatever its name or content type.

    Takes microseconds: no pixel is decoded, and of metadata the orientation alone is read.
    Raises ImageError with the code `empty_image`, `undecodable_image` or `image_too_complex`.
    """
    if not body:
        raise ImageError("empty_image", "The image is empty (0 bytes); send the bytes of a JPEG, PNG or WebP file.")
    if body.startswith(jpeg.START):
        return jpeg.read_jpeg(body)
    if body.startswith(png.START):
        return png.read_png(body)
    if body.startswith(webp.START) and body[8:12] == webp.FORM:
        return webp.read_webp(body)
    raise ImageError(
        "undecodable_image", f"These {len(body)} bytes are not a JPEG, PNG or WebP image; send one of those."
    )
