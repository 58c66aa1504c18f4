"""Take out of the image's environment what nothing reads at run time: tests, sources in C, data of unused AWS services.

    python trim.py          # by the environment's own Python

Each package's RECORD then lists what is left, so that a package can still be checked and removed. What goes, and what
to do where it is missed: docs/supply_chain.md.
"""

import csv
import io
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

TEST_DIRS = {"test", "tests"}  # 60 MB
# What compilers and type checkers read: the libraries made of it are there. Triton and torch, which compile, are the
# base's.
SOURCE_SUFFIXES = {".a", ".c", ".cpp", ".f", ".f90", ".h", ".hpp", ".pxd", ".pyi", ".pyx"}
UNUSED_DIRS = ("matplotlib/mpl-data/sample_data",)
# boto3 knows 430 services, in 22 MB. These are what training calls (S3; for messages and packages SNS, SageMaker and
# CodeArtifact), what finds credentials, and what a user's own training script may well call.
AWS_DATA_DIRS = ("botocore/data", "boto3/data")
AWS_SERVICES = {
    "s3",
    "s3control",
    "sts",
    "sso",
    "sso-oidc",
    "signin",
    "sagemaker",
    "sagemaker-a2i-runtime",
    "sagemaker-featurestore-runtime",
    "sagemaker-metrics",
    "sagemaker-runtime",
    "athena",
    "batch",
    "bedrock-runtime",
    "cloudwatch",
    "codeartifact",
    "codecommit",
    "dynamodb",
    "ecr",
    "events",
    "firehose",
    "fsx",
    "glue",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
}


def unused(site_packages: Path) -> Iterator[Path]:
    """Every file and folder that can go. Links, which lead into the base, are neither followed nor named."""
    yield from (site_packages / name for name in UNUSED_DIRS if (site_packages / name).is_dir())
    for folder in (site_packages / name for name in AWS_DATA_DIRS):
        yield from (path for path in folder.glob("*") if path.is_dir() and path.name not in AWS_SERVICES)
    yield from unused_below(site_packages)


def unused_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            if path.name in TEST_DIRS:
                yield path
            else:
                yield from unused_below(path)
        elif path.suffix in SOURCE_SUFFIXES:
            yield path


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)  # it lay in a folder that is gone already


def update_record(record: Path, site_packages: Path) -> None:
    """Drop the lines of files that are gone. Sorted, as installers write them in any order."""
    rows = csv.reader(io.StringIO(record.read_text(encoding="utf-8")))
    kept = sorted(row for row in rows if row and (site_packages / row[0]).exists())
    with record.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(kept)


def trim(site_packages: Path) -> None:
    for path in list(unused(site_packages)):
        remove(path)
    for record in sorted(site_packages.glob("*.dist-info/RECORD")):
        if not record.parent.is_symlink():
            update_record(record, site_packages)


if __name__ == "__main__":
    trim(Path(sysconfig.get_path("purelib")))
