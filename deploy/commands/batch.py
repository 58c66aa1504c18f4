"""Classify many pictures by a batch transform job: no endpoint, instances only while it runs.

INPUT is a folder, which is uploaded first, or an s3:// address: a prefix, a SageMaker manifest (.manifest), or JSON
Lines (.jsonl), each {"b64": "..."}. One file that is no picture fails the whole job, so of a folder only pictures are
taken, and --keep-going has the error of one that cannot be read as its answer. Ctrl-C stops only the waiting; the same
command takes the job up again.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from deploy import prices
from deploy.aws import explain
from deploy.cli_values import positive
from deploy.context import Context
from deploy.creation import create_once
from deploy.data.checksums import fingerprint, read_checksums
from deploy.data.local_files import LocalFile, list_channels
from deploy.data.sync import Place, sync
from deploy.endpoint.image_file import IMAGE_SUFFIXES
from deploy.errors import DeployError
from deploy.job.inputs import image_uri
from deploy.job.jobs import TRANSFORM, Plan, begin, follow, require_completed
from deploy.requests.model import model_request
from deploy.requests.transform_job import MAX_TOTAL_MB, transform_job_request
from local_test.s3_run import Item, download, is_plain

HELP = "classify many pictures without an endpoint (AWS: costs money)"
EXAMPLES = """examples:
  python -m deploy batch photos --dry-run
  python -m deploy batch s3://bucket/photos/ --instances 2 --concurrency 8 --keep-going
  python -m deploy batch s3://bucket/chosen.manifest"""
RUNS = Path("runs/batch")
DIGITS = 12  # of the fingerprint, in the name of the folder in S3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="INPUT", help="folder of pictures, or s3://BUCKET/KEY")
    parser.add_argument("--instances", type=positive, default=1, metavar="N", help="instances (default: 1)")
    parser.add_argument("--concurrency", type=positive, default=4, metavar="N", help="requests at a time (default: 4)")
    parser.add_argument("--payload", type=positive, default=6, metavar="MB", help="largest picture (default: 6)")
    parser.add_argument("--keep-going", action="store_true", help="answer a picture that cannot be read with its error")
    parser.add_argument("--again", action="store_true", help="another job, though one like it has completed")


def run(context: Context) -> None:
    aws, options = context.aws, context.options
    if options.concurrency * options.payload > MAX_TOTAL_MB:
        raise DeployError(
            f"--concurrency {options.concurrency} times --payload {options.payload} is above {MAX_TOTAL_MB} MB, "
            "which is all that an instance takes at a time; lower one of them."
        )
    model = model_of(context)
    input_s3_uri, data = (options.input, "") if options.input.startswith("s3://") else upload(context)
    create_once(aws, "DescribeModel", "CreateModel", "ModelName", model)
    name = begin(context, plan(context, model["ModelName"], input_s3_uri, data), again=options.again)
    context.state.put(transform_job=name)
    if aws.dry_run:
        return
    job = follow(context, TRANSFORM, name, lambda found: TRANSFORM.status_of(found))
    require_completed(TRANSFORM, job)
    folder, number = fetch(context, name)
    print(f"Predictions: {number} files in {folder}")


def model_of(context: Context) -> dict[str, Any]:
    state, assumed = context.state, context.s3_uri("jobs", "JOB", "output", "model.tar.gz")
    known = not context.aws.dry_run or state.get("model_data") is not None
    return model_request(context, state.require("model_data", "train") if known else assumed, image_uri(context))


def plan(context: Context, model_name: str, input_s3_uri: str, data: str) -> Plan:
    options = context.options

    def request(name: str, origin: str) -> dict[str, Any]:
        return transform_job_request(
            context,
            name=name,
            model_name=model_name,
            input_s3_uri=input_s3_uri,
            instances=options.instances,
            concurrency=options.concurrency,
            payload_mb=options.payload,
            keep_going=options.keep_going,
        )

    price = prices.describe_instances(context.settings.endpoint_instance_type, options.instances)
    return Plan(TRANSFORM, request, data, price)


def upload(context: Context) -> tuple[str, str]:
    """Address and fingerprint of the folder's pictures, which lie in S3 then: the same pictures at the same place."""
    found = list_channels({"batch": Path(context.options.input)})
    taken = [file for file in found if file.path.suffix.lower() in IMAGE_SUFFIXES]
    if not taken:
        raise DeployError(
            f"{context.options.input} holds no pictures ({', '.join(sorted(IMAGE_SUFFIXES))}); give a folder that does."
        )
    if len(taken) < len(found):
        print(f"{len(found) - len(taken)} files that are no pictures stay here.", file=sys.stderr)
    mark = fingerprint(read_checksums(taken))
    folder = mark[:DIGITS]
    files = [LocalFile(file.name.replace("batch/", f"{folder}/", 1), file.path, file.size) for file in taken]
    place = Place(context.bucket, f"{context.project}/batch/input/", (folder,))
    sync(context.aws, place, files, delete=False, before_changes=lambda: None)
    return context.s3_uri("batch", "input", folder) + "/", mark


def fetch(context: Context, job: str) -> tuple[Path, int]:
    """Folder with one file per picture, and how many; what is there already is not fetched again."""
    prefix, folder = f"{context.project}/batch/output/{job}/", RUNS / job
    found = context.aws.pages("s3", "ListObjectsV2", "Contents", Bucket=context.bucket, Prefix=prefix)
    items = [
        Item(item["Key"], item["Size"], item["LastModified"].timestamp(), item["Key"].removeprefix(prefix))
        for item in found
        if is_plain(item["Key"].removeprefix(prefix))
    ]
    try:
        download(context.aws.client("s3"), context.bucket, items, folder)
    except (BotoCoreError, ClientError, Boto3Error) as error:
        raise explain(error, "s3", "GetObject", context.aws.region) from error
    return folder, len(items)
