"""A training job's debugger and profiler output in S3 -> a local run folder, as far as a report needs it.

Understood are the platform's layout below a job's prefix (debug-output, profiler-output, rule-output, output) and a
copy of /opt/ml (output/tensors, output/profiler, output/data).
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from tqdm import tqdm

from container import contract
from container.debugger.report.thin import evenly
from container.errors import UserError
from container.whole_file import whole_file
from local_test.job_archive import unpack_results

CACHE_DIR = Path("runs/s3")
MAX_BYTES = 512 << 20  # of tensors, and of the profile each; of more, evenly chosen steps or minutes
MAX_OBJECTS = 200_000
ARCHIVE = "output/output.tar.gz"
PLACES = (  # key below the job's prefix -> where it belongs in a run; the first that fits
    (re.compile(r"(?:debug-output|output/tensors)/(.+)"), "output/tensors"),
    (re.compile(r"(?:profiler-output|output/profiler)/((?:system|framework)/.+)"), "output/profiler"),
    (re.compile(r"rule-output/.+/profiler-reports/([^/]+\.json)"), f"output/data/{contract.PROFILER_RULES_DIR}"),
    (re.compile(r"output/data/(metrics\.json|.+/[^/]+\.json)"), "output/data"),
)
STEP_FILE = re.compile(r"output/tensors/(?:events|index)/.*?(\d+)_worker_[^/]*")


@dataclass(frozen=True)
class Item:
    """An object in S3 and the file that it becomes, relative to the run."""

    key: str
    size: int
    modified: float
    place: str


def fetch_run(address: str, cache_dir: Path = CACHE_DIR) -> Path:
    """The folder below `cache_dir` that holds the run at s3://BUCKET/PREFIX; what is there already is kept.

    Raises UserError if S3 does not answer, refuses or has no run there.
    """
    bucket, prefix = split_address(address)
    run_dir = cache_dir / bucket / prefix
    try:
        client = boto3.session.Session().client("s3")
        items = chosen(list_items(client, bucket, prefix), address)
        download(client, bucket, items, run_dir)
    except NoCredentialsError as error:
        raise UserError(f"There are no AWS credentials to read {address} with; run `aws configure` first.") from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise UserError(f"{address} cannot be read from S3: {CODES.get(code, code)}.") from error
    except BotoCoreError as error:
        raise UserError(
            f"{address} cannot be read ({error}); check the network and the region, and try again."
        ) from error
    archive = run_dir / ARCHIVE
    if archive.is_file():
        unpack_results(archive, run_dir / "output" / "data")
    return run_dir


CODES = {
    "NoSuchBucket": "there is no such bucket; check its name",
    "AccessDenied": "access is denied; ask for s3:ListBucket and s3:GetObject on it",
    "403": "access is denied; ask for s3:ListBucket and s3:GetObject on it",
    "InvalidAccessKeyId": "the credentials are not known; run `aws configure`",
    "ExpiredToken": "the credentials have expired; log in again",
}


def split_address(address: str) -> tuple[str, str]:
    """Bucket and prefix of s3://BUCKET/PREFIX. Raises UserError."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    if not bucket or not prefix or not is_plain(prefix):
        raise UserError(
            f"{address} is no prefix of a job; give s3://BUCKET/PATH/JOB, the folder with debug-output in it."
        )
    return bucket, prefix


def is_plain(path: str) -> bool:
    """Whether a path stays where it is put: no `..`, nothing absolute, nothing that another system reads otherwise."""
    return all(part not in ("", ".", "..") and not set(part) & set("\\:\0") for part in path.split("/"))


def list_items(client: Any, bucket: str, prefix: str) -> Iterator[Item]:
    """The objects below the prefix that a report can use."""
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{prefix}/", PaginationConfig={"MaxItems": MAX_OBJECTS}
    )
    for page in pages:
        for found in page.get("Contents", ()):
            key = found["Key"].removeprefix(f"{prefix}/")
            place = place_of(key)
            if place:
                yield Item(found["Key"], found["Size"], found["LastModified"].timestamp(), place)


def place_of(key: str) -> str:
    """Where an object belongs in a run, or nothing."""
    if not is_plain(key):
        return ""
    if key == ARCHIVE:
        return ARCHIVE
    for pattern, folder in PLACES:
        if found := pattern.fullmatch(key):
            return f"{folder}/{found[1]}"
    return ""


def chosen(items: Iterable[Item], address: str) -> list[Item]:
    """All small files, and of too many tensors or samples an even choice. Raises UserError if there is nothing."""
    items = list(items)
    if not items:
        raise UserError(
            f"{address} holds neither debug-output, profiler-output nor output; give the prefix of one job, which ends "
            "in the job's name."
        )
    groups: dict[str, dict[str, list[Item]]] = {"tensors": {}, "profiler": {}}
    kept = []
    for item in items:
        step = STEP_FILE.fullmatch(item.place)
        if step:  # a step's index and values go together, and those of all workers
            groups["tensors"].setdefault(f"{int(step[1]):012d}", []).append(item)
        elif item.place.startswith("output/profiler/") and not item.place.endswith(contract.END_OF_JOB_FILE):
            groups["profiler"].setdefault(item.place, []).append(item)
        else:
            kept.append(item)
    for group in groups.values():
        total = sum(item.size for members in group.values() for item in members)
        names = sorted(group)
        limit = len(names) if total <= MAX_BYTES else max(2, len(names) * MAX_BYTES // total)
        kept += [item for index in evenly(len(names), limit) for item in group[names[index]]]
    return kept


def download(client: Any, bucket: str, items: Iterable[Item], run_dir: Path) -> None:
    """Fetch what is not here yet, or has changed since; each file appears only when complete."""
    missing = [item for item in items if not _is_here(run_dir / item.place, item)]
    total = sum(item.size for item in missing)
    with tqdm(desc="Downloading", total=total, unit="B", unit_scale=True, disable=None) as bar:
        for item in missing:
            with whole_file(run_dir / item.place) as partial:
                client.download_file(bucket, item.key, str(partial), Callback=bar.update)
                os.utime(partial, (item.modified, item.modified))


def _is_here(path: Path, item: Item) -> bool:
    if not path.is_file():
        return False
    state = path.stat()
    return state.st_size == item.size and abs(state.st_mtime - item.modified) < 1
