"""Files to S3: many at once, big ones in parts, each with its checksum."""

from collections import deque
from typing import Any

import botocore.exceptions
from boto3.s3.transfer import TransferConfig, create_transfer_manager
from s3transfer.futures import TransferFuture
from tqdm import tqdm

from deploy.aws import Aws, explain
from deploy.data.checksums import MULTIPART_BYTES, PART_BYTES, Checksums
from deploy.data.local_files import LocalFile
from deploy.data.remote_files import SHA256
from deploy.errors import AwsError, DeployError

CONCURRENT = 10  # as many as boto3 keeps connections open
AHEAD = 200  # files that are waiting to be sent; after a failure no more than these are tried
DELETED_AT_ONCE = 1000  # S3's limit


class Progress:
    """A subscriber of s3transfer's: moves the bar with every block that leaves, from whatever thread."""

    def __init__(self, bar: "tqdm[Any]") -> None:
        self._bar = bar

    def on_progress(self, future: TransferFuture, bytes_transferred: int, **_: Any) -> None:
        with self._bar.get_lock():
            self._bar.update(bytes_transferred)


def send_files(aws: Aws, bucket: str, prefix: str, files: list[LocalFile], checksums: dict[str, Checksums]) -> None:
    """Upload the files. Raises DeployError at the first that cannot be sent; those before it stay in S3."""
    if aws.dry_run:
        _print_requests(aws, bucket, prefix, files, checksums)
        return
    config = TransferConfig(
        multipart_threshold=MULTIPART_BYTES,
        multipart_chunksize=PART_BYTES,
        max_concurrency=CONCURRENT,
        preferred_transfer_client="classic",  # on every machine the same one, so that retries and ETags are too
    )
    total = sum(file.size for file in files)
    waiting: deque[tuple[LocalFile, TransferFuture]] = deque()
    with (
        tqdm(total=total, desc="uploading", unit="B", unit_scale=True, disable=None, leave=False) as bar,
        create_transfer_manager(aws.client("s3"), config) as manager,
    ):
        for file in files:
            extra = {"Metadata": {SHA256: checksums[file.name].sha256}}
            future = manager.upload(str(file.path), bucket, prefix + file.name, extra, [Progress(bar)])
            waiting.append((file, future))
            if len(waiting) > AHEAD:
                _finish(aws, *waiting.popleft())
        while waiting:
            _finish(aws, *waiting.popleft())


def delete_files(aws: Aws, bucket: str, prefix: str, names: list[str]) -> None:
    for start in range(0, len(names), DELETED_AT_ONCE):
        keys = [{"Key": prefix + name} for name in names[start : start + DELETED_AT_ONCE]]
        answer = aws.change("s3", "DeleteObjects", Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        for refused in answer.get("Errors", ()):
            raise AwsError(refused["Code"], f"s3://{bucket}/{refused['Key']} was not deleted: {refused['Message']}.")


def _finish(aws: Aws, file: LocalFile, future: TransferFuture) -> None:
    try:
        future.result()
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        reason = explain(error, "s3", "PutObject", aws.region)
        raise AwsError(reason.code, f"{reason} What was sent is kept; the same command sends the rest.") from error
    except OSError as error:
        raise DeployError(f"{file.path} cannot be read ({error.strerror}); repair or remove it.") from error


def _print_requests(
    aws: Aws, bucket: str, prefix: str, files: list[LocalFile], checksums: dict[str, Checksums]
) -> None:
    for file in files:
        request = {"Bucket": bucket, "Key": prefix + file.name, "Metadata": {SHA256: checksums[file.name].sha256}}
        if file.size >= MULTIPART_BYTES:
            aws.change("s3", "CreateMultipartUpload", **request)  # its parts are named by S3's answer
        else:
            aws.change("s3", "PutObject", **request, Body=str(file.path))
