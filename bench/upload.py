"""An image as a browser's form would send it, for the servers that take no raw body."""

BOUNDARY = "image-classifier-benchmark"  # no JPEG of this benchmark contains it


def form(image: bytes, field: str) -> tuple[bytes, str]:
    """The multipart body with the image as the file of one field, and its content type."""
    head = (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{field}"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"
