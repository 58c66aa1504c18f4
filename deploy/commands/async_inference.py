"""Send a folder of images, or those below an S3 address, through the asynchronous endpoint, and fetch the answers.

What has been sent is written down as it is sent: stopped anywhere and run again, nothing is sent twice.
"""

import argparse
import sys
from pathlib import Path

from deploy.announce import announce
from deploy.context import Context
from deploy.endpoint.async_batch import Batch, find_inputs
from deploy.endpoint.choice import add_endpoint_argument
from deploy.endpoint.hosting import endpoint_name
from deploy.errors import DeployError

HELP = "send many images through the asynchronous endpoint"
EXAMPLES = """examples:
  python -m deploy async photos
  python -m deploy async s3://bucket/photos/ --results answers"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="FOLDER", help="folder, or address as s3://bucket/prefix/")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="for the answers (default: runs/async/ENDPOINT)")
    add_endpoint_argument(parser)


def run(context: Context) -> None:
    endpoint = context.options.endpoint or endpoint_name(context.project, "asynchronous")
    inputs = find_inputs(context, context.options.images)
    announce(f"{len(inputs)} requests to {endpoint}", "the endpoint's instances are paid while they run")
    batch = Batch(context, endpoint, context.options.results or Path("runs/async") / endpoint)
    for item in inputs:
        batch.submit(item)
    if context.aws.dry_run:
        return
    context.aws.wait(f"Answers of {endpoint}", batch.collect)
    print(f"Answers: {batch.folder} ({len(batch.answered)} of {len(inputs)})")
    for name, reason in sorted(batch.refused.items()):
        print(f"{name}: {reason}", file=sys.stderr)
    if batch.refused:
        raise DeployError(f"{len(batch.refused)} images were refused; correct or remove them, and run it again.")
