"""Send images to an endpoint and print their most likely labels, most likely first."""

import argparse
import json
from pathlib import Path

from deploy.context import Context
from deploy.endpoint.choice import add_endpoint_argument, choose_endpoint, is_asynchronous
from deploy.endpoint.image_file import ImageFile, read_image
from deploy.endpoint.queued import fetch, submit_image
from deploy.errors import AwsError, DeployError
from local_test.invoke import print_prediction

HELP = "send images to the endpoint"
EXAMPLES = """examples:
  python -m deploy invoke dog.jpg
  python -m deploy invoke --top-k 3 --variant candidate *.png"""
TOP_K_LIMIT = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", type=Path, nargs="+", metavar="FILE", help="JPEG, PNG or WebP files")
    parser.add_argument("--top-k", type=int, default=5, metavar="K", help="labels per image (default: 5)")
    parser.add_argument("--variant", default="", metavar="NAME", help="of an endpoint with several: main or candidate")
    add_endpoint_argument(parser)


def run(context: Context) -> None:
    options = context.options
    if not 1 <= options.top_k <= TOP_K_LIMIT:
        raise DeployError(f"--top-k is {options.top_k}; it must be 1 to {TOP_K_LIMIT}.")
    images = [read_image(path) for path in options.images]  # all of them, before the first is sent
    endpoint = choose_endpoint(context)
    ask = ask_queue if is_asynchronous(context, endpoint) else ask_endpoint
    for image in images:
        answer = ask(context, endpoint, image)
        if answer:
            print_prediction(image.path, json.loads(answer))


def ask_endpoint(context: Context, endpoint: str, image: ImageFile) -> bytes:
    """The endpoint's answer; nothing in a dry run. Raises DeployError with the model's own words if it refused."""
    options = context.options
    try:
        answer = context.aws.change(
            "sagemaker-runtime",
            "InvokeEndpoint",
            EndpointName=endpoint,
            ContentType=image.content_type,
            Accept="application/json",
            CustomAttributes=f"top_k={options.top_k}",
            Body=f"<{len(image.body)} bytes of {image.path}>" if context.aws.dry_run else image.body,
            **({"TargetVariant": options.variant} if options.variant else {}),
        )
    except AwsError as error:
        if error.code == "ModelError":
            raise DeployError(f"{image.path}: {error}") from error
        raise
    return bytes(answer["Body"].read()) if answer else b""


def ask_queue(context: Context, endpoint: str, image: ImageFile) -> bytes:
    """An asynchronous endpoint's answer, waited for; nothing in a dry run."""
    if context.options.variant:
        raise DeployError("An asynchronous endpoint cannot be asked for one variant; leave out --variant.")
    request = submit_image(context, endpoint, image, f"top_k={context.options.top_k}")
    found = b""

    def look() -> tuple[bool, str]:
        nonlocal found
        found = fetch(context, request) or b""
        return bool(found), "answered" if found else "in the queue"

    context.aws.wait(str(image.path), look)
    return found
