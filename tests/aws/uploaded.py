"""Images to upload, what has arrived of them in S3, and what the state says."""

import json
from pathlib import Path

import boto3

from tests.aws.gateway import Gateway

BUCKET = "image-classifier-123456789012-us-east-1"
DATA = "image-classifier/data/"


def make_images(folder: Path) -> Path:
    """Three train files and one each of valid and test."""
    for name in ("train/a/1.jpg", "train/a/2.jpg", "train/b ü/3+.jpg", "valid/a/1.jpg", "test/a/1.jpg"):
        put(folder / name, name.encode())
    return folder


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def stored(bucket: str = BUCKET) -> dict[str, bytes]:
    """Name below the data's folder -> content, of everything in S3."""
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        item["Key"].removeprefix(DATA): s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed
    }


def local(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def state() -> dict:
    return json.loads(Path(".deploy/image-classifier.json").read_text())


def sent(aws: Gateway) -> int:
    """How many files have been sent, or begun to be."""
    return aws.operations().count("s3:PutObject")
