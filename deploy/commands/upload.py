"""Send a folder of images to S3, one channel per folder: only what changed, many at once, and counted at the end.

FOLDER holds train/, valid/ and test/ with one folder per class in each, or just one folder per class. Hidden files
stay at home. What is in S3 already with the same content is not sent again, so a broken upload goes on where it was.

With the features that a job at home has left, every job on AWS that trains the head alone begins with its first epoch.
"""

import argparse
from pathlib import Path

from deploy.context import Context
from deploy.data.bucket import ensure_bucket
from deploy.data.local_files import LocalFile, count_by_channel, list_channels
from deploy.data.record import FEATURES, IMAGES, WEIGHTS, forget, record
from deploy.data.sync import Place, sync
from deploy.errors import DeployError
from local_test.opt_ml import CHANNELS, find_channels

HELP = "send images, pretrained weights and features to S3"
EXAMPLES = """examples:
  python -m deploy upload data/dogImages --dry-run
  python -m deploy upload data/dogImages --weights resnet50.pth
  python -m deploy upload --features runs/dogs/checkpoints/features
  python -m deploy upload data/dogImages --delete"""
WEIGHT_SUFFIXES = (".pth", ".pt")  # what the channel `pretrained` may hold (container/model/backbone.py)
FEATURE_SUFFIX = ".features"  # container/data/feature_cache.py
READABLE_FILES = "readable-*.txt"  # container/data/readable_files.py


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="images: train/, valid/ and test/")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="also send a backbone's weights (.pth, .pt)")
    parser.add_argument("--features", type=Path, metavar="FOLDER", help="also send a job's cached features")
    parser.add_argument("--delete", action="store_true", help="remove from S3 what is no longer in FOLDER")


def run(context: Context) -> None:
    options = context.options
    if options.folder is None and options.weights is None and options.features is None:
        raise DeployError("There is nothing to upload; give the folder of images, --weights FILE or --features FOLDER.")
    files = list_channels(find_channels(options.folder)) if options.folder is not None else []
    others = {
        WEIGHTS: find_weights(options.weights) if options.weights is not None else [],
        FEATURES: find_features(options.features) if options.features is not None else [],
    }
    bucket = ensure_bucket(context)
    context.state.put(bucket=bucket)
    if files:
        send_images(context, bucket, files)
    for channel, found in others.items():
        if found:
            send_channel(context, bucket, channel, found)
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


def send_channel(context: Context, bucket: str, channel: str, files: list[LocalFile]) -> None:
    """The channel comes to hold these files alone: weights or features that were there before make way."""
    uri = context.s3_uri("data")
    outcome = sync(
        context.aws,
        Place(bucket, f"{context.project}/data/", (channel,)),
        files,
        delete=True,
        before_changes=lambda: forget(context.state, channel),
    )
    record(context.state, uri, channel, outcome.fingerprint, {channel: len(files)})
    if not context.aws.dry_run:
        sent = f"{outcome.num_sent} sent, {outcome.num_kept} there already"
        print(f"Channel {channel}: {uri}/{channel}/ ({len(files)} files; {sent})")


def find_weights(path: Path) -> list[LocalFile]:
    if not path.is_file() or path.suffix not in WEIGHT_SUFFIXES:
        raise DeployError(f"--weights {path} is no {' or '.join(WEIGHT_SUFFIXES)} file; give a saved state_dict.")
    return [LocalFile(f"{WEIGHTS}/{path.name}", path, path.stat().st_size)]


def find_features(folder: Path) -> list[LocalFile]:
    """The views, and what is known of readable images: not the locks beside them."""
    paths = sorted(folder.glob("*" + FEATURE_SUFFIX))
    if not paths:
        raise DeployError(
            f"--features {folder} holds no features; give `checkpoints/features` of a run that trained with "
            "feature_cache=on, or `features` of a study."
        )
    paths += sorted(folder.glob(READABLE_FILES))
    return [LocalFile(f"{FEATURES}/{path.name}", path, path.stat().st_size) for path in paths]
