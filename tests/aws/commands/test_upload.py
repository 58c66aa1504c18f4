import os
import shutil
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from container.data.feature_cache import SUFFIX
from container.data.readable_files import ReadableFiles
from container.model.backbone import WEIGHT_SUFFIXES as TRAINED_FROM
from deploy.commands.upload import FEATURE_SUFFIX, READABLE_FILES, WEIGHT_SUFFIXES
from tests.aws.commands.test_role import requests
from tests.aws.conftest import Result
from tests.aws.gateway import Gateway
from tests.aws.uploaded import BUCKET, DATA, local, make_images, put, sent, state, stored
from tests.job_folder import JobFolder

Deploy = Callable[..., Result]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return make_images(tmp_path / "images")


def test_a_dry_run_prints_the_requests_and_asks_nobody(deploy: Deploy, aws: Gateway, images: Path, monkeypatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    result = deploy("upload", str(images), "--dry-run")
    assert result.status == 0, result.err
    printed = requests(result.out)
    assert [request["operation"] for request in printed] == [
        "CreateBucket",
        "PutBucketTagging",
        "PutPublicAccessBlock",
        "PutBucketEncryption",
        "PutBucketLifecycleConfiguration",
        *["PutObject"] * 5,
    ]
    assert printed[5]["parameters"]["Key"] == f"{DATA}test/a/1.jpg"
    assert "per GB and month" in result.err
    assert aws.calls == []
    assert not Path(".deploy").exists()


def test_every_file_arrives_in_a_private_bucket_and_is_noted(deploy: Deploy, aws: Gateway, images: Path) -> None:
    result = deploy("upload", str(images))
    assert result.status == 0, result.err
    assert stored() == local(images)
    assert "(test 1, train 3, valid 1 files; 5 sent, 0 there already)" in result.out
    noted = state()
    assert noted["data_s3_uri"] == f"s3://{BUCKET}/image-classifier/data"
    assert noted["num_files"] == {"train": 3, "valid": 1, "test": 1}
    assert len(noted["data_fingerprint"]) == 64
    s3 = boto3.client("s3")
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == [
        {"Key": "image-classifier-project", "Value": "image-classifier"}
    ]
    rules = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_only_what_changed_is_sent_and_a_new_date_is_no_change(deploy: Deploy, aws: Gateway, images: Path) -> None:
    deploy("upload", str(images))
    before, aws.calls[:] = state(), []
    os.utime(images / "train/a/1.jpg", (1, 1))
    assert deploy("upload", str(images)).status == 0
    assert (sent(aws), aws.operations().count("s3:CreateBucket")) == (0, 0)
    assert state() == before
    (images / "train/a/1.jpg").write_bytes(b"other content")
    (images / "train/a/2.jpg").write_bytes(b"train/a/X.jpg")  # of the same size
    put(images / "train/a/9.jpg", b"new")
    assert deploy("upload", str(images)).status == 0
    assert sent(aws) == 3
    assert stored() == local(images)
    assert state()["data_fingerprint"] != before["data_fingerprint"]


def test_what_is_gone_at_home_stays_in_s3_until_it_is_told_to_go(deploy: Deploy, aws: Gateway, images: Path) -> None:
    everything = local(images)
    deploy("upload", str(images))
    (images / "train/a/1.jpg").unlink()
    shutil.rmtree(images / "test")
    kept = deploy("upload", str(images))
    assert "2 more files are in S3 only and would be trained on; --delete removes them." in kept.out
    assert stored() == everything
    assert deploy("upload", str(images), "--delete").status == 0
    assert stored() == local(images)
    assert state()["num_files"] == {"train": 2, "valid": 1}


def test_under_a_kms_key_contents_are_told_by_their_own_checksum(deploy: Deploy, aws: Gateway, images: Path) -> None:
    deploy("upload", str(images))
    s3 = boto3.client("s3")
    for name in stored():
        # S3's ETag of such an object is no MD5; one written in parts stands for it here.
        sha256 = s3.head_object(Bucket=BUCKET, Key=DATA + name)["Metadata"]["sha256"]
        begun = s3.create_multipart_upload(Bucket=BUCKET, Key=DATA + name, Metadata={"sha256": sha256})
        given = {"Bucket": BUCKET, "Key": DATA + name, "UploadId": begun["UploadId"]}
        part = s3.upload_part(**given, PartNumber=1, Body=(images / name).read_bytes())
        s3.complete_multipart_upload(**given, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    aws.calls.clear()
    assert deploy("upload", str(images)).status == 0
    assert (sent(aws), aws.operations().count("s3:HeadObject")) == (0, 5)
    (images / "train/a/2.jpg").write_bytes(b"train/a/X.jpg")
    assert deploy("upload", str(images)).status == 0
    assert sent(aws) == 1


def test_a_big_file_goes_in_parts_and_is_known_again(deploy: Deploy, aws: Gateway, tmp_path: Path) -> None:
    weights = tmp_path / "resnet18.pth"
    weights.write_bytes(os.urandom(2**20) * 65)
    first = deploy("upload", "--weights", str(weights))
    assert first.status == 0, first.err
    assert aws.operations().count("s3:UploadPart") == 5
    assert stored() == {"pretrained/resnet18.pth": weights.read_bytes()}
    assert deploy("upload", "--weights", str(weights)).status == 0
    assert aws.operations().count("s3:UploadPart") == 5


def test_weights_make_a_channel_of_one_file_beside_the_images(deploy: Deploy, aws: Gateway, images: Path) -> None:
    for name in ("one.pth", "two.pt"):
        put(images.parent / name, name.encode())
    deploy("upload", str(images))
    before = state()
    assert deploy("upload", "--weights", str(images.parent / "one.pth")).status == 0
    assert deploy("upload", str(images), "--delete", "--weights", str(images.parent / "two.pt")).status == 0
    assert stored() == {**local(images), "pretrained/two.pt": b"two.pt"}
    assert state()["num_files"] == {**before["num_files"], "pretrained": 1}
    assert state()["data_fingerprint"] != before["data_fingerprint"]


def test_weights_alone_are_no_data_to_train_on(deploy: Deploy, aws: Gateway, tmp_path: Path) -> None:
    put(tmp_path / "one.pth", b"x")
    assert deploy("upload", "--weights", "one.pth").status == 0
    assert "data_s3_uri" not in state()


def test_features_make_a_channel_of_their_views_alone_and_leave_the_data_what_they_are(
    deploy: Deploy, aws: Gateway, images: Path
) -> None:
    folder = images.parent / "features"
    for name in ("a.features", "b.features", "readable-01.txt", "a.lock", "writers.lock", "c-12.partial"):
        put(folder / name, name.encode())
    deploy("upload", str(images))
    before = state()
    assert deploy("upload", "--features", str(folder)).status == 0
    assert set(stored()) - set(local(images)) == {
        "features/a.features",
        "features/b.features",
        "features/readable-01.txt",
    }
    assert state()["num_files"] == {**before["num_files"], "features": 3}
    assert state()["data_fingerprint"] == before["data_fingerprint"]
    (folder / "a.features").unlink()
    put(folder / "d.features", b"new")
    result = deploy("upload", str(images), "--delete", "--features", str(folder))
    assert f"Channel features: s3://{BUCKET}/{DATA}features/ (3 files; 1 sent, 2 there already)" in result.out
    assert {name for name in stored() if name.startswith("features/")} == {
        "features/b.features",
        "features/d.features",
        "features/readable-01.txt",
    }


def test_a_job_on_aws_computes_no_features_where_those_of_a_job_at_home_were_uploaded(
    deploy: Deploy, aws: Gateway, tmp_path: Path, capsys
) -> None:
    options = {"fine_tune": "head", "feature_cache": "on", "num_epochs": 1}
    at_home, on_aws = (JobFolder(tmp_path / name).configure(**options) for name in ("home", "aws"))
    at_home.add_channels(train=4, valid=2)
    at_home.train()
    assert "Computed features of train" in capsys.readouterr().out
    uploaded = [str(at_home.data_dir), "--features", str(at_home.checkpoint_dir / "features")]
    assert deploy("upload", *uploaded).status == 0
    for name, content in stored().items():  # as SageMaker downloads each channel
        put(on_aws.data_dir / name, content)
    on_aws.train()
    printed = capsys.readouterr().out
    assert "Training the head on features: 2 of 2 views are there" in printed
    assert "Computed features" not in printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "There is nothing to upload"),
        (["--features", "."], "--features . holds no features; give `checkpoints/features` of a run"),
        (["--features", "nowhere"], "--features nowhere holds no features"),
        (["nowhere"], "nowhere holds no images to train on"),
        (["--weights", "nowhere.pth"], "--weights nowhere.pth is no .pth or .pt file"),
    ],
)
def test_nothing_to_upload_is_a_sentence_before_anything_is_asked(
    deploy: Deploy, aws: Gateway, arguments: list[str], sentence: str
) -> None:
    refused = deploy("upload", *arguments)
    assert (refused.status, aws.calls) == (1, [])
    assert sentence in refused.err


def test_what_is_taken_is_what_training_can_read(tmp_path: Path) -> None:
    assert WEIGHT_SUFFIXES == TRAINED_FROM
    assert FEATURE_SUFFIX == SUFFIX
    ReadableFiles(tmp_path).add([bytes(32)])
    assert len(list(tmp_path.glob(READABLE_FILES))) == 1
