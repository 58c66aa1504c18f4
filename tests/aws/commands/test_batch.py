from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.aws.commands.test_role import requests
from tests.aws.commands.test_train import BUCKET, READY, read_state, write_state
from tests.aws.conftest import Result
from tests.aws.gateway import Gateway
from tests.aws.jobs_stub import JobsStub
from tests.aws.later_fault import refuse_later

Deploy = Callable[..., Result]
TRAINED = READY | {"model_data": f"s3://{BUCKET}/image-classifier/jobs/a/output/model.tar.gz"}


@pytest.fixture
def stub(aws: Gateway) -> JobsStub:
    """A project with a trained model, and a folder of two pictures and a note."""
    write_state(**TRAINED)
    stub = JobsStub(aws)
    stub.s3.create_bucket(Bucket=BUCKET)
    write_pictures()
    return stub


def write_pictures() -> None:
    for name in ("photos/a.jpg", "photos/dogs/b b.png", "photos/notes.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)


def predictions() -> list[str]:
    return sorted(path.relative_to("runs/batch").as_posix() for path in Path("runs/batch").rglob("*.out"))


def test_a_dry_run_prints_uploads_model_and_job_and_asks_nobody(deploy: Deploy, aws: Gateway, monkeypatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    write_pictures()
    result = deploy("batch", "photos", "--dry-run")
    assert result.status == 0, result.err
    *uploads, model, job = requests(result.out)
    assert [upload["operation"] for upload in uploads] == ["PutObject"] * 2
    assert (model["operation"], job["operation"]) == ("CreateModel", "CreateTransformJob")
    parameters = job["parameters"]
    assert parameters["ModelName"] == model["parameters"]["ModelName"]
    assert parameters["TransformInput"]["ContentType"] == "application/x-image"
    assert parameters["BatchStrategy"] == "SingleRecord"
    assert (
        uploads[0]["parameters"]["Key"] in f"{parameters['TransformInput']['DataSource']['S3DataSource']['S3Uri']}a.jpg"
    )
    assert "1 x ml.m5.large: about $0.12 per hour" in result.err
    assert aws.calls == []


def test_every_picture_of_a_folder_gets_its_answer_and_no_second_job(deploy: Deploy, stub: JobsStub) -> None:
    result = deploy("batch", "photos")
    assert result.status == 0, result.err
    (name,) = stub.names("TransformJob")
    assert predictions() == [f"{name}/a.jpg.out", f"{name}/dogs/b b.png.out"]
    assert f"Predictions: 2 files in runs/batch/{name}" in result.out
    assert "1 files that are no pictures stay here." in result.err
    assert read_state() == TRAINED | {"transform_job": name}
    assert deploy("batch", "photos").status == 0
    assert stub.names("TransformJob") == [name]
    assert stub.gateway.operations().count("s3:PutObject") == 2
    Path("photos/a.jpg").write_text("changed")
    assert deploy("batch", "photos").status == 0
    assert len(stub.names("TransformJob")) == 2


def test_an_address_in_s3_is_taken_as_it_is(deploy: Deploy, stub: JobsStub) -> None:
    assert deploy("batch", "s3://photos/of/dogs/", "--dry-run").status == 0
    job = requests(deploy("batch", "s3://photos/of/dogs/", "--dry-run", "--instances", "3").out)[-1]["parameters"]
    assert job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == "s3://photos/of/dogs/"
    assert job["TransformResources"] == {"InstanceType": "ml.m5.large", "InstanceCount": 3}


def job_of(result: Result) -> dict[str, Any]:
    parameters: dict[str, Any] = requests(result.out)[-1]["parameters"]
    return parameters


def test_a_manifest_and_json_lines_are_known_by_their_names(deploy: Deploy, stub: JobsStub) -> None:
    manifest = job_of(deploy("batch", "s3://photos/chosen.manifest", "--dry-run"))
    assert manifest["TransformInput"]["DataSource"]["S3DataSource"]["S3DataType"] == "ManifestFile"
    assert manifest["TransformInput"]["SplitType"] == "None"
    lines = job_of(deploy("batch", "s3://photos/dogs.jsonl", "--dry-run"))
    assert (lines["BatchStrategy"], lines["TransformInput"]["SplitType"]) == ("MultiRecord", "Line")
    assert lines["TransformInput"]["ContentType"] == lines["TransformOutput"]["Accept"] == "application/jsonlines"
    assert lines["TransformOutput"]["AssembleWith"] == "Line"


def test_a_job_can_go_on_past_pictures_that_cannot_be_read(deploy: Deploy, stub: JobsStub) -> None:
    assert "Environment" not in job_of(deploy("batch", "s3://photos/", "--dry-run"))
    job = job_of(deploy("batch", "s3://photos/", "--dry-run", "--keep-going"))
    assert job["Environment"] == {"SERVE_ERRORS": "body"}


def test_killed_between_any_two_calls_the_same_command_comes_to_the_same_end(deploy: Deploy, stub: JobsStub) -> None:
    assert deploy("batch", "photos").status == 0
    expected, files, (name,) = read_state(), predictions(), stub.jobs
    refused = []
    for skipped in range(100):
        stub.forget()
        write_state(**TRAINED)
        for path in Path("runs").rglob("*.out"):
            path.unlink()
        fault = refuse_later(stub.gateway, skipped)
        status = deploy("batch", "photos").status
        stub.gateway.faults.clear()
        if not fault.refused:
            break
        refused.append(fault.refused)
        assert status == 1, fault.refused
        assert deploy("batch", "photos").status == 0
        assert (list(stub.jobs), read_state(), predictions()) == ([name], expected, files), fault.refused
    assert {
        "sagemaker:CreateTransformJob",
        "sagemaker:CreateModel",
        "sagemaker:DescribeTransformJob",
        "s3:GetObject",
    } <= set(refused)


def test_a_failed_job_tells_why_and_a_quota_what_to_do(deploy: Deploy, stub: JobsStub) -> None:
    stub.endings["TransformJob"] = [("Failed", "AlgorithmError: See job logs for more information")]
    failed = deploy("batch", "photos")
    (name,) = stub.jobs
    assert failed.status == 1
    assert f"batch: The transform job {name} failed: AlgorithmError: See job logs" in failed.err
    stub.gateway.fail("sagemaker", "CreateTransformJob", code="ResourceLimitExceeded")
    refused = deploy("batch", "photos")
    assert (refused.status, "ask for a higher quota" in refused.err) == (1, True)
    stub.gateway.fail("sagemaker", "CreateTransformJob")
    stub.gateway.fail("s3", "ListObjectsV2", code="InternalError", status=500)
    assert deploy("batch", "photos").status == 0
    assert len(stub.jobs) == 2


def test_what_cannot_be_done_is_refused_before_anything_is_sent(deploy: Deploy, aws: Gateway) -> None:
    write_state(**TRAINED, role_arn="")
    Path("empty").mkdir()
    Path("empty/notes.txt").write_text("none")
    assert "is above 100 MB" in deploy("batch", "photos", "--concurrency", "20").err
    assert "empty holds no pictures" in deploy("batch", "empty").err
    write_state(**READY)
    assert "run `python -m deploy train` first" in deploy("batch", "photos").err
    assert not [call for call in aws.calls if call.operation.startswith(("Create", "Put"))]
