"""Send a folder of images to S3, one channel per folder: only what changed, many at once, and counted at the end.

FOLDER holds train/, valid/ and test/ with one folder per class in each, or just one folder per class. Hidden files
stay at home. What is in S3 already with the same content is not sent again, so a broken upload goes on where it was.
"""

import argparse
from pathlib import Path

from deploy.context import Context
from deploy.data.bucket import ensure_bucket
from deploy.data.local_files import LocalFile, count_by_channel, list_channels
from deploy.data.record import IMAGES, WEIGHTS, forget, record
from deploy.data.sync import Place, sync
from deploy.errors import DeployError
from local_test.opt_ml import CHANNELS, find_channels

HELP = "send images, and pretrained weights, to S3"
EXAMPLES = """examples:
  python -m deploy upload data/dogImages --dry-run
  python -m deploy upload data/dogImages --weights resnet50.pth
  python -m deploy upload data/dogImages --delete"""
WEIGHT_SUFFIXES = (".pth", ".pt")  # what the channel `pretrained` may hold (container/model/backbone.py)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="images: train/, valid/ and test/")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="also send a backbone's weights (.pth, .pt)")
    parser.add_argument("--delete", action="store_true", help="remove from S3 what is no longer in FOLDER")


def run(context: Context) -> None:
    options = context.options
    if options.folder is None and options.weights is None:
        raise DeployError("There is nothing to upload; give the folder of images, or --weights FILE.")
    files = list_channels(find_channels(options.folder)) if options.folder is not None else []
    weights = find_weights(options.weights) if options.weights is not None else None
    bucket = ensure_bucket(context)
    context.state.put(bucket=bucket)
    if files:
        send_images(context, bucket, files)
    if weights is not None:
        send_weights(context, bucket, weights)
    if not context.aws.dry_run:
        print("Next: python -m deploy push")


def send_images(context: Context, bucket: str, files: list[LocalFile]) -> None:
    uri, counts = context.s3_uri("data"), count_by_channel(files)
    outcome = sync(
        context.aws,
        Place(bucket, f"{context.project}/data/", CHANNELS),
        files,
        delete=context.options.delete,
        before_changes=lambda: forget(context.state, IMAGES),
    )
    record(context.state, uri, IMAGES, outcome.fingerprint, counts)
    if context.aws.dry_run:
        return
    listed = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(f"Data: {uri} ({listed} files; {outcome.num_sent} sent, {outcome.num_kept} there already)")
    if outcome.extra:
        print(f"{len(outcome.extra)} more files are in S3 only and would be trained on; --delete removes them.")


def send_weights(context: Context, bucket: str, weights: LocalFile) -> None:
    """The channel holds one file, so that another's weights make way."""
    uri = context.s3_uri("data")
    outcome = sync(
        context.aws,
        Place(bucket, f"{context.project}/data/", (WEIGHTS,)),
        [weights],
        delete=True,
        before_changes=lambda: forget(context.state, WEIGHTS),
    )
    record(context.state, uri, WEIGHTS, outcome.fingerprint, {WEIGHTS: 1})
    if not context.aws.dry_run:
        print(f"Weights: {uri}/{weights.name}")


def find_weights(path: Path) -> LocalFile:
    if not path.is_file() or path.suffix not in WEIGHT_SUFFIXES:
        raise DeployError(f"--weights {path} is no {' or '.join(WEIGHT_SUFFIXES)} file; give a saved state_dict.")
    return LocalFile(f"{WEIGHTS}/{path.name}", path, path.stat().st_size)
