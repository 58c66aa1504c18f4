"""Files and bytes in the project's bucket."""

from pathlib import Path
from typing import Any

from deploy.context import Context
from deploy.errors import AwsError, DeployError


def put_file(context: Context, path: Path, *parts: str) -> str:
    """The address of a file that now lies in the bucket; it is sent only if nothing lies there yet.

    For addresses that hold the file's digest, so that what lies there is what would be sent.
    """
    if not _exists(context, *parts):
        with path.open("rb") as body:
            _put(context, body, *parts)
    return context.s3_uri(*parts)


def put_bytes(context: Context, body: bytes, *parts: str) -> str:
    if not _exists(context, *parts):
        _put(context, body, *parts)
    return context.s3_uri(*parts)


def split_s3_uri(address: str) -> tuple[str, str]:
    """(bucket, key). Raises DeployError if the text is no s3:// address."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or not bucket:
        raise DeployError(f"{address!r} is no S3 address; it must read s3://BUCKET/KEY.")
    return bucket, key


def _exists(context: Context, *parts: str) -> bool:
    return context.aws.exists("s3", "HeadObject", Bucket=context.bucket, Key=_key(context, *parts))


def _put(context: Context, body: Any, *parts: str) -> None:
    # The request that a dry run prints has no body: megabytes of weights say nothing.
    content = {} if context.aws.dry_run else {"Body": body}
    try:
        context.aws.change("s3", "PutObject", Bucket=context.bucket, Key=_key(context, *parts), **content)
    except AwsError as error:
        if error.code != "NoSuchBucket":
            raise
        raise DeployError(
            f"There is no bucket {context.bucket} yet; run `python -m deploy upload` first, or name one with "
            "--set bucket=NAME."
        ) from error


def _key(context: Context, *parts: str) -> str:
    return "/".join([context.project, *parts])
