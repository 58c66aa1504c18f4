"""The fuzzer's side: bytes -> what reads a request's body; anything but an image or a refusal is a finding.

Run by fuzz/__main__.py in the fuzzer's environment. Coverage of the project's readers and of the Python parts of
Pillow, werkzeug and numpy guides it; their parts in C are run, but do not guide.
"""

import sys

import atheris

with atheris.instrument_imports(
    include=[
        *("container.data.decode", "container.data.image_file", "container.serving.decode_request"),
        *("container.serving.encoded_images", "container.serving.npy_body"),
        *("PIL.Image", "PIL.ImageFile", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.WebPImagePlugin"),
        *("werkzeug.sansio.multipart", "werkzeug.http", "numpy.lib.format", "numpy.lib._format_impl"),
    ]
):
    import PIL.JpegImagePlugin
    import PIL.PngImagePlugin
    import PIL.WebPImagePlugin  # noqa: F401  Pillow itself imports them too late to be instrumented

    from tests.hostile.case import Sent
    from tests.hostile.fuzz.seeds import content_type
    from tests.hostile.in_process import read


def read_one(data: bytes) -> None:
    """The first byte chooses the content type, the rest is the body."""
    if data:
        read(Sent(content_type(data[0]), data[1:]))


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
