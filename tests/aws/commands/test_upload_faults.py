import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from deploy.data.transfer import CONCURRENT
from tests.aws.conftest import Result
from tests.aws.gateway import Gateway
from tests.aws.interruption import Death, die_between_changes
from tests.aws.uploaded import BUCKET, local, make_images, put, sent, state, stored

PROJECT_DIR = Path(__file__).parents[3]
Deploy = Callable[..., Result]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return make_images(tmp_path / "images")


def test_an_upload_cut_off_in_the_middle_sends_only_the_rest(deploy: Deploy, aws: Gateway, images: Path, monkeypatch):
    deploy("upload", str(images))
    assert "data_s3_uri" in state()
    for number in range(40):
        put(images / f"train/c/{number}.jpg", bytes([number]) * 5000)
    with monkeypatch.context() as patch:
        patch.setattr("deploy.aws.MAX_ATTEMPTS", 0)
        aws.faults.append(Death(20, "PutObject"))
        cut = deploy("upload", str(images))
    assert cut.status == 1
    assert cut.err.splitlines()[-1].endswith("What was sent is kept; the same command sends the rest.")
    assert "data_s3_uri" not in state()  # no job starts from half of the data
    aws.faults.clear()
    arrived = len(stored())
    assert 5 < arrived <= 25
    aws.calls.clear()
    assert deploy("upload", str(images)).status == 0
    assert sent(aws) == 45 - arrived
    assert stored() == local(images)


@pytest.mark.parametrize(("stop", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_process_stopped_in_the_middle_leaves_whole_files_only(
    deploy: Deploy, aws: Gateway, images: Path, stop: signal.Signals, status: int
) -> None:
    for number in range(400):
        put(images / f"train/c/{number}.jpg", bytes([number % 256]) * 2000)
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy", "upload", str(images)],
        env={**os.environ, "PYTHONPATH": str(PROJECT_DIR)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while sent(aws) < 20 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(stop)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in said
    arrived = stored()
    assert 0 < len(arrived) < 400
    assert arrived.items() <= local(images).items()
    aws.calls.clear()
    assert deploy("upload", str(images)).status == 0
    rest = 405 - len(arrived)
    assert rest - CONCURRENT <= sent(aws) <= rest  # those under way may have arrived after we looked
    assert stored() == local(images)


def test_dying_between_any_two_changes_leaves_what_the_same_command_ends(
    deploy: Deploy, aws: Gateway, images: Path, monkeypatch
) -> None:
    for channel in ("valid", "test"):
        shutil.rmtree(images / channel)
    (images / "train/a/2.jpg").unlink()
    ends = []

    def check() -> None:
        assert stored() == local(images)
        ends.append(state())

    deaths = die_between_changes(
        aws,
        monkeypatch,
        begin=lambda: shutil.rmtree(".deploy", ignore_errors=True),
        command=lambda: deploy("upload", str(images)).status,
        check=check,
    )
    assert deaths == len(["bucket", "tags", "access", "encryption", "lifecycle"]) + len(local(images))
    assert all(end == ends[0] for end in ends)


def test_throttling_a_5xx_and_a_cut_connection_are_survived(deploy: Deploy, aws: Gateway, images: Path) -> None:
    aws.fail("s3", "PutObject", code="SlowDown", status=503)
    aws.fail("s3", "PutObject", code="InternalError", status=500)
    aws.cut("s3", "PutObject")
    aws.cut("s3", "ListObjectsV2")
    result = deploy("upload", str(images))
    assert result.status == 0, result.err
    assert stored() == local(images)


@pytest.mark.parametrize(
    ("operation", "code", "sentence"),
    [
        ("PutObject", "ExpiredToken", "log in again"),
        ("PutObject", "AccessDenied", "give the user or role the permission"),
        ("CreateBucket", "BucketAlreadyExists", "is another account's, or you may not use it"),
        ("CreateBucket", "TooManyBuckets", "TooManyBuckets: made to fail"),
    ],
)
def test_a_refusal_is_a_sentence(
    deploy: Deploy, aws: Gateway, images: Path, monkeypatch, operation: str, code: str, sentence: str
) -> None:
    monkeypatch.setattr("deploy.aws.MAX_ATTEMPTS", 0)
    aws.fail("s3", operation, code=code, status=400, times=10)
    refused = deploy("upload", str(images))
    assert refused.status == 1
    assert sentence in refused.err.splitlines()[-1]
    aws.faults.clear()
    assert deploy("upload", str(images)).status == 0


def test_a_bucket_made_by_a_try_whose_answer_was_lost_is_taken(deploy: Deploy, aws: Gateway, images: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    aws.fail("s3", "HeadBucket", code="404", status=404)
    aws.fail("s3", "CreateBucket", code="BucketAlreadyOwnedByYou", status=409)
    assert deploy("upload", str(images)).status == 0
    assert stored() == local(images)


def test_elsewhere_the_bucket_is_made_in_the_region(deploy: Deploy, aws: Gateway, images: Path) -> None:
    assert deploy("upload", str(images), "--set", "region=eu-west-1").status == 0
    bucket = BUCKET.replace("us-east-1", "eu-west-1")
    assert boto3.client("s3").get_bucket_location(Bucket=bucket)["LocationConstraint"] == "eu-west-1"


def test_a_bucket_of_another_region_is_refused(deploy: Deploy, aws: Gateway, images: Path) -> None:
    boto3.client("s3", region_name="eu-west-1").create_bucket(
        Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    refused = deploy("upload", str(images), "--set", "bucket=mine")
    assert "Bucket mine is in eu-west-1, but the region is us-east-1" in refused.err
    assert refused.status == 1


def test_a_bucket_that_the_settings_name_is_used_as_it_is(deploy: Deploy, aws: Gateway, images: Path) -> None:
    missing = deploy("upload", str(images), "--set", "bucket=mine")
    assert (missing.status, "There is no bucket mine" in missing.err) == (1, True)
    boto3.client("s3").create_bucket(Bucket="mine")
    aws.calls.clear()
    assert deploy("upload", str(images), "--set", "bucket=mine").status == 0
    assert stored("mine") == local(images)
    assert {name for name in aws.operations() if name.startswith("s3:Put")} == {"s3:PutObject"}
