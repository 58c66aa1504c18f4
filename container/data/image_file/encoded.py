"""What is known of an image file before it is decoded, and how one is refused."""

from dataclasses import dataclass

from container.errors import ImageError


@dataclass(frozen=True)
class EncodedImage:
    """A picture as stored: its size, how a person turns it, and the bytes that its pixels need.

    `file_format` is Pillow's name; `width` and `height` are the header's, in pixels, before `orientation` is applied,
    which is EXIF's: 1 to 8, 1 for a picture that stands as it is stored.
    """

    file_format: str
    content: bytes
    width: int
    height: int
    orientation: int = 1


def damaged(reason: str) -> ImageError:
    return ImageError("undecodable_image", f"The image is damaged and cannot be decoded: {reason}.")


def too_complex(count: int, parts: str, most: int) -> ImageError:
    """The refusal of a file of so many parts that reading them would cost far more than a picture does."""
    return ImageError(
        "image_too_complex",
        f"The image has {count} {parts} or more; at most {most} are accepted: save it again with an image editor.",
    )
