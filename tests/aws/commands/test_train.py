import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from container.debugger.report.collect import RunFolders, collect
from tests.aws.commands.test_role import requests
from tests.aws.conftest import Result
from tests.aws.gateway import Gateway
from tests.aws.jobs_stub import JobsStub, archive
from tests.aws.later_fault import refuse_later

STATE = Path(".deploy/image-classifier.json")
BUCKET = "image-classifier-123456789012-us-east-1"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/image-classifier@sha256:" + "0" * 64
READY = {
    "data_s3_uri": f"s3://{BUCKET}/image-classifier/data",
    "data_fingerprint": "f" * 64,
    "num_files": {"train": 640, "valid": 64},
    "image_uri": IMAGE,
}
RESULTS = {
    "output/model.tar.gz": archive({"model.pt": b"weights", "model-int8.pt": b"few bits", "code.py": b""}),
    "output/output.tar.gz": archive({"metrics.json": b'{"epochs": []}', "../escaped.json": b"{}"}),
    "debug-output/collections/000000000/worker_0_collections.json": b"{}",
    "profiler-output/system/incremental/2026112412/1795867200.algo-1.json": b"",
}
Deploy = Callable[..., Result]


@pytest.fixture
def stub(aws: Gateway) -> JobsStub:
    """A project whose data and image are on AWS."""
    write_state(**READY)
    return JobsStub(aws, results=RESULTS)


def write_state(**values: object) -> None:
    STATE.parent.mkdir(exist_ok=True)
    STATE.write_text(json.dumps(values))


def read_state() -> dict:
    return json.loads(STATE.read_text())


def test_a_dry_run_prints_the_job_and_asks_nobody(deploy: Deploy, aws: Gateway, monkeypatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    result = deploy("train", "--dry-run", "-p", "num_epochs=3")
    (request,) = requests(result.out)
    assert (result.status, request["operation"]) == (0, "CreateTrainingJob")
    assert request["parameters"]["HyperParameters"] == {"num_epochs": "3"}
    assert "1 x ml.m5.xlarge: about $0.23 per hour" in result.err
    assert aws.calls == []
    assert not STATE.exists()


def test_the_job_is_begun_followed_and_fetched_into_a_run(deploy: Deploy, stub: JobsStub) -> None:
    result = deploy("train", "--model")
    assert result.status == 0, result.err
    (name,) = stub.names("TrainingJob")
    assert f"{name}: Starting (Preparing the instances for training)" in result.err
    assert [f"{name}: {step}" for step in ("Downloading", "Completed")] == [
        line for line in result.err.splitlines() if line.endswith(("Downloading", "Completed"))
    ]
    assert f"make debug-report RUN=runs/{name}" in result.out
    run_dir = Path("runs") / name
    assert collect(RunFolders.below(run_dir)).metrics == {"epochs": []}
    assert (run_dir / "output/tensors/collections/000000000/worker_0_collections.json").is_file()
    assert (run_dir / "model/model.pt").read_bytes() == b"weights"
    assert (run_dir / "model/model-int8.pt").read_bytes() == b"few bits"
    assert not (run_dir / "model/code.py").exists()
    assert not list(Path().rglob("escaped.json"))
    assert read_state() == READY | {
        "training_job": name,
        "model_data": f"s3://{BUCKET}/image-classifier/jobs/{name}/output/model.tar.gz",
        "metrics": {"Average loss": 0.25},
        "hyperparameters": {},
    }


def test_the_request_has_debugger_profiler_checkpoints_metrics_and_tags(deploy: Deploy, stub: JobsStub) -> None:
    assert deploy("train").status == 0
    ((name, job),) = stub.jobs.items()
    request = job.request
    jobs = f"s3://{BUCKET}/image-classifier/jobs"
    hook = request["DebugHookConfig"]
    assert (hook["S3OutputPath"], hook["LocalPath"]) == (jobs, "/opt/ml/output/tensors")
    # 640 images in 10 steps an epoch, 5 epochs: 20 snapshots of what is large.
    saved = {item["CollectionName"]: item["CollectionParameters"] for item in hook["CollectionConfigurations"]}
    assert saved["weights"] == {"train.save_interval": "2", "eval.end_step": "0"}
    assert saved["losses"]["train.save_interval"] == "1"
    assert request["ProfilerConfig"] == {"S3OutputPath": jobs, "ProfilingIntervalInMilliseconds": 500}
    assert request["CheckpointConfig"]["S3Uri"] == f"s3://{BUCKET}/image-classifier/checkpoints/{name}"
    assert {item["Name"] for item in request["AlgorithmSpecification"]["MetricDefinitions"]} >= {
        *("Average loss", "Test accuracy", "Rule Overfit")
    }
    assert [item["ChannelName"] for item in request["InputDataConfig"]] == ["train", "valid"]
    assert request["AlgorithmSpecification"]["TrainingImage"] == IMAGE
    assert request["Tags"] == [{"Key": "image-classifier-project", "Value": "image-classifier"}]


@pytest.mark.parametrize("command", ["train", "tune"])
def test_weights_and_features_that_were_uploaded_are_channels_of_every_job(
    deploy: Deploy, stub: JobsStub, command: str
) -> None:
    write_state(**READY | {"num_files": {"train": 640, "pretrained": 1, "features": 5}})
    (request,) = requests(deploy(command, "--dry-run").out)
    definition = request["parameters"].get("TrainingJobDefinition", request["parameters"])
    addresses = {
        item["ChannelName"]: item["DataSource"]["S3DataSource"]["S3Uri"] for item in definition["InputDataConfig"]
    }
    root = f"s3://{BUCKET}/image-classifier/data"
    assert addresses == {name: f"{root}/{name}/" for name in ("train", "pretrained", "features")}


def test_the_best_hyperparameters_are_taken_and_the_command_line_wins(deploy: Deploy, stub: JobsStub) -> None:
    write_state(**READY, best_hyperparameters={"batch_size": "40", "learning_rate": "0.002"})
    assert deploy("train", "-p", "batch_size=80").status == 0
    (job,) = stub.jobs.values()
    assert job.request["HyperParameters"] == {"batch_size": "80", "learning_rate": "0.002"}


def test_spot_on_several_hosts_keeps_checkpoints_and_leaves_debugger_out(deploy: Deploy, stub: JobsStub) -> None:
    assert deploy("train", "--instances", "2", "--set", "spot=true", "--set", "max_runtime_seconds=3600").status == 0
    (job,) = stub.jobs.values()
    assert job.request["ResourceConfig"]["InstanceCount"] == 2
    assert job.request["EnableManagedSpotTraining"] is True
    assert job.request["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert "CheckpointConfig" in job.request
    assert "DebugHookConfig" not in job.request


def test_several_hosts_without_spot_have_debugger_and_no_checkpoints(deploy: Deploy, stub: JobsStub) -> None:
    assert deploy("train", "--instances", "2").status == 0
    (job,) = stub.jobs.values()
    assert "DebugHookConfig" in job.request
    assert "CheckpointConfig" not in job.request


def test_a_second_run_begins_nothing_until_it_is_asked_to_or_the_data_change(deploy: Deploy, stub: JobsStub) -> None:
    for _ in range(2):
        assert deploy("train").status == 0
    assert len(stub.jobs) == 1
    assert deploy("train", "--again").status == 0
    assert len(stub.jobs) == 2
    write_state(**READY | {"data_fingerprint": "e" * 64})
    assert deploy("train").status == 0
    assert len(stub.jobs) == 3


def test_killed_between_any_two_calls_the_same_command_comes_to_the_same_end(deploy: Deploy, stub: JobsStub) -> None:
    stub.training_steps = ()
    assert deploy("train").status == 0
    expected, (name,) = read_state(), stub.jobs
    refused = []
    for skipped in range(100):
        stub.forget()
        write_state(**READY)
        shutil.rmtree("runs", ignore_errors=True)  # what is there already is not fetched again
        fault = refuse_later(stub.gateway, skipped)
        status = deploy("train").status
        stub.gateway.faults.clear()
        if not fault.refused:
            break
        refused.append(fault.refused)
        assert status == 1, fault.refused
        assert deploy("train").status == 0
        assert (list(stub.jobs), read_state()) == ([name], expected), fault.refused
    assert {"sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "s3:GetObject"} <= set(refused)


def test_a_creation_whose_answer_was_lost_is_taken_up(deploy: Deploy, stub: JobsStub) -> None:
    stub.lost_answers = 1
    assert deploy("train").status == 0
    assert stub.gateway.operations().count("sagemaker:CreateTrainingJob") == 2
    assert len(stub.jobs) == 1


def test_throttling_a_fault_of_aws_and_a_cut_connection_are_survived(deploy: Deploy, stub: JobsStub) -> None:
    stub.gateway.fail("sagemaker", "CreateTrainingJob")
    stub.gateway.fail("sagemaker", "DescribeTrainingJob", code="InternalFailure", status=500)
    stub.gateway.cut("sagemaker", "CreateTrainingJob")
    assert deploy("train").status == 0
    assert len(stub.jobs) == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ExpiredTokenException", "log in again"),
        ("AccessDeniedException", "give the user or role the permission"),
        ("ResourceLimitExceeded", "ask for a higher quota"),
    ],
)
def test_a_refusal_is_one_sentence(code: str, advice: str, deploy: Deploy, stub: JobsStub) -> None:
    stub.gateway.fail("sagemaker", "CreateTrainingJob", code=code)
    refused = deploy("train")
    assert refused.status == 1
    assert refused.err.splitlines()[-1].startswith(
        f"train: sagemaker CreateTrainingJob in us-east-1 was refused ({code}"
    )
    assert advice in refused.err


@pytest.mark.parametrize(("status", "words"), [("Failed", "failed"), ("Stopped", "was stopped")])
def test_a_job_that_does_not_complete_is_told_and_the_next_attempt_goes_on_from_its_checkpoints(
    status: str, words: str, deploy: Deploy, stub: JobsStub
) -> None:
    stub.endings["TrainingJob"] = [(status, "AlgorithmError: Channel 'train' is empty., exit code: 1")]
    failed = deploy("train")
    (first,) = stub.jobs
    assert failed.status == 1
    assert failed.err.splitlines()[-1] == (
        f"train: The training job {first} {words}: AlgorithmError: Channel 'train' is empty., exit code: 1. "
        f"Its log: python -m deploy logs {first}. The same command begins the next attempt."
    )
    assert "model_data" not in read_state()
    assert deploy("train").status == 0
    second = stub.jobs[read_state()["training_job"]]
    assert len(stub.jobs) == 2
    assert second.request["CheckpointConfig"]["S3Uri"].endswith(f"/checkpoints/{first}")


def test_a_job_of_somebody_else_under_the_same_name_is_not_taken(deploy: Deploy, stub: JobsStub) -> None:
    assert deploy("train").status == 0
    (job,) = stub.jobs.values()
    stub.sagemaker.delete_tags(ResourceArn=job.description["TrainingJobArn"], TagKeys=["image-classifier-project"])
    stub.gateway.fail("sagemaker", "DescribeTrainingJob", code="ValidationException", message="not found")
    refused = deploy("train")
    assert (refused.status, "is not this project's" in refused.err) == (1, True)


def test_a_job_without_results_still_gives_its_model(deploy: Deploy, stub: JobsStub) -> None:
    stub.results = {}
    assert deploy("train").status == 0
    assert "model_data" in read_state()


def test_a_model_archive_without_the_model_is_refused(deploy: Deploy, stub: JobsStub) -> None:
    stub.results = RESULTS | {"output/model.tar.gz": archive({"other.pt": b"x"})}
    refused = deploy("train", "--model")
    assert (refused.status, "holds no model.pt" in refused.err) == (1, True)


def test_a_wrong_hyperparameter_is_refused_before_anything_is_sent(deploy: Deploy, aws: Gateway) -> None:
    refused = deploy("train", "-p", "bath_size=3")
    assert refused.err == "train: --parameter: no setting is named 'bath_size'; did you mean 'batch_size'?\n"
    assert aws.calls == []


def test_what_has_to_come_first_is_named(deploy: Deploy, aws: Gateway) -> None:
    refused = deploy("train")
    assert refused.err.splitlines()[-1].endswith("run `python -m deploy upload FOLDER` first.")
