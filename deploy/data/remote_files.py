"""What lies in S3 already, and what of the local files is missing there or differs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deploy.aws import Aws
from deploy.data.checksums import Checksums
from deploy.data.local_files import LocalFile

SHA256 = "sha256"  # key in an object's metadata
THREADS = 8


@dataclass(frozen=True)
class RemoteFile:
    size: int
    etag: str


def list_remote(aws: Aws, bucket: str, prefix: str) -> dict[str, RemoteFile]:
    """Name below the prefix -> object, of everything under it."""
    items = aws.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=prefix)
    return {
        item["Key"].removeprefix(prefix): RemoteFile(item["Size"], item["ETag"].strip('"'))
        for item in items
        if not item["Key"].endswith("/")  # the console's empty folders
    }


def changed_files(
    aws: Aws,
    bucket: str,
    prefix: str,
    files: list[LocalFile],
    checksums: dict[str, Checksums],
    remote: dict[str, RemoteFile],
) -> list[LocalFile]:
    """The files that S3 lacks or holds with another content. Times are not looked at: a copy has new ones."""

    def is_changed(file: LocalFile) -> bool:
        there = remote.get(file.name)
        if there is None or there.size != file.size:
            return True
        if there.etag == checksums[file.name].etag:
            return False
        # Under a key of KMS the ETag says nothing; what we uploaded carries its checksum.
        metadata = aws.read("s3", "HeadObject", Bucket=bucket, Key=prefix + file.name)["Metadata"]
        return bool(metadata.get(SHA256) != checksums[file.name].sha256)

    with ThreadPoolExecutor(THREADS) as pool:
        return [file for file, is_new in zip(files, pool.map(is_changed, files), strict=True) if is_new]
