"""A set of local files -> the same files below a prefix in S3: only what differs is sent, and the result is counted."""

from collections.abc import Callable
from dataclasses import dataclass

from deploy.announce import announce
from deploy.aws import Aws
from deploy.data.checksums import fingerprint, read_checksums
from deploy.data.local_files import LocalFile
from deploy.data.remote_files import RemoteFile, changed_files, list_remote
from deploy.data.transfer import delete_files, send_files
from deploy.errors import DeployError
from deploy.prices import other

NAMED = 3  # files that a sentence lists


@dataclass(frozen=True)
class Place:
    """Where files go: everything below `prefix`, of which only the `folders` are looked at."""

    bucket: str
    prefix: str
    folders: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    fingerprint: str
    num_sent: int
    num_kept: int
    extra: tuple[str, ...]  # names that are in S3 only


def sync(
    aws: Aws, place: Place, files: list[LocalFile], *, delete: bool, before_changes: Callable[[], None]
) -> Outcome:
    """Make S3 hold the files, and with `delete` no others. Raises DeployError if at the end it does not."""
    checksums = read_checksums(files)
    remote = _list(aws, place)
    changed = changed_files(aws, place.bucket, place.prefix, files, checksums, remote)
    extra = sorted(remote.keys() - {file.name for file in files})
    if changed or (extra and delete):
        before_changes()
    if changed:
        size = sum(file.size for file in changed)
        announce(
            f"{len(changed)} of {len(files)} files in s3://{place.bucket}/{place.prefix} ({size / 1e6:.1f} MB)",
            f"about ${size / 1e9 * other('s3_gb_month'):.4f} per month",
        )
    send_files(aws, place.bucket, place.prefix, changed, checksums)
    if delete:
        delete_files(aws, place.bucket, place.prefix, extra)
        extra = []
    if not aws.dry_run:
        _check(place, files, _list(aws, place), extra)
    return Outcome(fingerprint(checksums), len(changed), len(files) - len(changed), tuple(extra))


def _list(aws: Aws, place: Place) -> dict[str, RemoteFile]:
    found: dict[str, RemoteFile] = {}
    for folder in place.folders:
        below = list_remote(aws, place.bucket, f"{place.prefix}{folder}/")
        found |= {f"{folder}/{name}": item for name, item in below.items()}
    return found


def _check(place: Place, files: list[LocalFile], remote: dict[str, RemoteFile], extra: list[str]) -> None:
    """Raise DeployError unless S3 lists every file with its size, and nothing else but `extra`."""
    wrong = [file.name for file in files if file.name not in remote or remote[file.name].size != file.size]
    strange = sorted(remote.keys() - {file.name for file in files} - set(extra))
    if wrong or strange:
        listed = ", ".join((wrong + strange)[:NAMED])
        raise DeployError(
            f"s3://{place.bucket}/{place.prefix} does not hold what was sent: {len(wrong)} files are missing or of "
            f"another size, {len(strange)} are unknown ({listed}); did something else write there? Run it again."
        )
