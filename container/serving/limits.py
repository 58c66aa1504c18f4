"""What one request may hold, and the error for more of it."""

from dataclasses import dataclass

from container.errors import RequestError


@dataclass(frozen=True)
class Limits:
    images: int
    image_pixels: int
    request_pixels: int


def check_count(count: int, limits: Limits) -> None:
    """Raises RequestError 413 if a request has more images than it may."""
    if count > limits.images:
        raise too_many_images(limits.images)


def too_many_images(limit: int) -> RequestError:
    return RequestError(413, "too_many_images", f"The request has more than {limit} images; send fewer at a time.")
