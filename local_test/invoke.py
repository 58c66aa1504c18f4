"""Send images to a running server and print their most likely labels."""

import argparse
import json
import mimetypes
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from local_test.interrupts import exit_status

BAR_WIDTH = 30
EXAMPLES = """examples:
  python -m local_test.invoke dog.jpg
  python -m local_test.invoke --url http://localhost:8081 --top-k 3 *.png

the same with curl:
  curl --data-binary @dog.jpg -H 'Content-Type: image/jpeg' localhost:8080/invocations"""


class InvocationError(Exception):
    """The server refused, or did not answer; one sentence says why."""


def invoke(url: str, image_path: Path, top_k: int) -> dict[str, Any]:
    """The server's answer for one image. Raises InvocationError."""
    content_type = mimetypes.guess_type(image_path.name)[0] or "application/octet-stream"
    try:
        body = image_path.read_bytes()
    except OSError as error:
        raise InvocationError(f"{image_path} cannot be read ({error.strerror}); give the path of an image.") from error
    request = urllib.request.Request(  # noqa: S310  the user's own server
        f"{url}/invocations?top_k={top_k}",
        data=body,
        headers={"Content-Type": content_type, "Accept": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        raise InvocationError(f"{image_path}: the server answered {error.code}: {text}") from error
    except OSError as error:
        raise InvocationError(
            f"No server answers at {url} ({error}); start one with local_test.serve_local."
        ) from error
    return answer


def print_prediction(image_path: Path, answer: dict[str, Any]) -> None:
    prediction = answer["predictions"][0]
    print(f"{image_path}")
    for label, probability in zip(prediction["labels"], prediction["probabilities"], strict=True):
        print(f"  {probability:7.2%}  {'█' * round(probability * BAR_WIDTH):{BAR_WIDTH}}  {label}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.invoke",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("images", type=Path, nargs="+", help="JPEG, PNG or WebP files")
    parser.add_argument("--url", default="http://localhost:8080", help="the server (default: http://localhost:8080)")
    parser.add_argument("--top-k", type=int, default=5, help="labels per image (default: 5)")
    options = parser.parse_args(arguments)
    try:
        for image_path in options.images:
            print_prediction(image_path, invoke(options.url, image_path, options.top_k))
    except InvocationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main))
