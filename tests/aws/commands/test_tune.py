import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.aws.commands.test_role import requests
from tests.aws.commands.test_train import READY, read_state, write_state
from tests.aws.conftest import Result
from tests.aws.gateway import Gateway
from tests.aws.jobs_stub import JobsStub
from tests.aws.later_fault import refuse_later

Deploy = Callable[..., Result]
NOUN = "HyperParameterTuningJob"


@pytest.fixture
def stub(aws: Gateway) -> JobsStub:
    """A project whose data and image are on AWS."""
    write_state(**READY)
    return JobsStub(aws)


def dry_request(deploy: Deploy, *arguments: str) -> dict:
    result = deploy("tune", "--dry-run", *arguments)
    assert result.status == 0, result.err
    (request,) = requests(result.out)
    assert request["operation"] == f"Create{NOUN}"
    return request["parameters"]


def test_a_dry_run_prints_the_original_search_and_asks_nobody(deploy: Deploy, aws: Gateway, monkeypatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    request = dry_request(deploy)
    config = request[f"{NOUN}Config"]
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "Average loss"}
    assert config["ResourceLimits"] == {"MaxParallelTrainingJobs": 2, "MaxNumberOfTrainingJobs": 8}
    assert (config["Strategy"], config["TrainingJobEarlyStoppingType"]) == ("Bayesian", "Auto")
    assert config["ParameterRanges"] == {
        "IntegerParameterRanges": [
            {"Name": "batch_size", "MinValue": "32", "MaxValue": "128", "ScalingType": "Auto"},
            {"Name": "num_epochs", "MinValue": "5", "MaxValue": "15", "ScalingType": "Auto"},
        ],
        "ContinuousParameterRanges": [
            {"Name": "learning_rate", "MinValue": "0.0001", "MaxValue": "0.05", "ScalingType": "Logarithmic"}
        ],
        "CategoricalParameterRanges": [],
    }
    metrics = request["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]
    assert config["HyperParameterTuningJobObjective"]["MetricName"] in {metric["Name"] for metric in metrics}
    assert len(request[f"{NOUN}Name"]) <= 32
    assert aws.calls == []


def test_the_trials_are_followed_and_the_best_is_kept_for_train(deploy: Deploy, stub: JobsStub) -> None:
    result = deploy("tune", "-p", "image_size=96")
    assert result.status == 0, result.err
    (name,) = stub.names(NOUN)
    assert f"{name}: InProgress, 1 trials completed, 1 running" in result.err
    assert f"{name}: Completed, 2 trials completed, 1 failed, best Average loss 0.25" in result.err
    table = result.out.splitlines()[:4]
    assert table[0].split() == [
        *("trial", "Average", "loss", "batch_size", "learning_rate", "num_epochs", "state", "seconds", "billable")
    ]
    assert [row.split()[0][-7:-4] for row in table[1:]] == ["001", "000", "002"]  # the best first, the failed last
    best = {"image_size": "96", "learning_rate": "0.0001", "batch_size": "64"}
    assert read_state() == READY | {
        "tuning_job": name,
        "best_training_job": f"{name}-001-abc",
        "best_hyperparameters": best,
    }
    folder = Path("runs/tune") / name
    trials = json.loads((folder / "trials.json").read_text())
    assert [(trial["number"], trial["state"], trial["value"], trial["seconds"]) for trial in trials["trials"]] == [
        *((1, "Completed", 0.5, 30.0), (2, "Completed", 0.25, 30.0), (3, "Failed", None, 30.0))
    ]
    assert f"{name}-001-abc" in (folder / "tuning-report.html").read_text()
    assert deploy("tune", "-p", "image_size=96").status == 0
    assert stub.names(NOUN) == [name]
    assert deploy("train").status == 0
    assert stub.jobs[stub.names("TrainingJob")[0]].request["HyperParameters"] == best


def test_hyperband_gets_the_most_epochs_and_no_other_stopping(deploy: Deploy) -> None:
    config = dry_request(deploy, "--strategy", "Hyperband")[f"{NOUN}Config"]
    assert config["StrategyConfig"] == {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 15}}
    assert config["TrainingJobEarlyStoppingType"] == "Off"


def test_a_grid_takes_lists_and_counts_its_trials_itself(deploy: Deploy, tmp_path: Path) -> None:
    refused = deploy("tune", "--dry-run", "--strategy", "Grid")
    assert "batch_size, learning_rate, num_epochs have a range" in refused.err
    space = tmp_path / "space.toml"
    space.write_text("[ranges.optimizer]\nvalues=['adam', 'sgd']\n[ranges.batch_size]\nvalues=[32, 64, 128]")
    result = deploy("tune", "--dry-run", "--strategy", "Grid", "--space", str(space))
    config = requests(result.out)[0]["parameters"][f"{NOUN}Config"]
    assert config["ResourceLimits"] == {"MaxParallelTrainingJobs": 2}
    assert "6 trials, 2 at a time" in result.err


def test_an_earlier_tuning_job_spot_and_hosts_are_passed_on(deploy: Deploy) -> None:
    request = dry_request(
        deploy,
        *("--from", "one", "--from", "two", "--warm-start", "TransferLearning"),
        *("--set", "spot=true", "--instances", "2"),
    )
    assert request["WarmStartConfig"] == {
        "ParentHyperParameterTuningJobs": [{f"{NOUN}Name": "one"}, {f"{NOUN}Name": "two"}],
        "WarmStartType": "TransferLearning",
    }
    definition = request["TrainingJobDefinition"]
    assert definition["EnableManagedSpotTraining"] is True
    assert definition["CheckpointConfig"]["S3Uri"].endswith(f"/checkpoints/{request[f'{NOUN}Name']}")
    assert definition["StoppingCondition"]["MaxWaitTimeInSeconds"] == 2 * 86_400
    assert definition["ResourceConfig"]["InstanceCount"] == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--jobs", "2", "--parallel", "3"), "--parallel is 3; it must be 1 to 2"),
        (("-p", "batch_size=64"), "--parameter batch_size is searched"),
        (("-p", "optimizer=adm"), "--parameter: optimizer is 'adm'; did you mean 'adam'?"),
        (("--from", "a") * 6, "--from names 6 tuning jobs"),
        (("--space", "missing.toml"), "missing.toml cannot be read"),
    ],
)
def test_what_sagemaker_would_refuse_is_refused_here(
    arguments: tuple[str, ...], sentence: str, deploy: Deploy, aws: Gateway
) -> None:
    refused = deploy("tune", *arguments)
    assert (refused.status, sentence in refused.err) == (1, True), refused.err
    assert aws.calls == []


def test_killed_between_any_two_calls_the_same_command_comes_to_the_same_end(deploy: Deploy, stub: JobsStub) -> None:
    assert deploy("tune").status == 0
    expected, names = read_state(), list(stub.jobs)
    refused = []
    for skipped in range(100):
        stub.forget()
        write_state(**READY)
        fault = refuse_later(stub.gateway, skipped)
        status = deploy("tune").status
        stub.gateway.faults.clear()
        if not fault.refused:
            break
        refused.append(fault.refused)
        assert status == 1, fault.refused
        assert deploy("tune").status == 0
        assert (list(stub.jobs), read_state()) == (names, expected), fault.refused
    assert {f"sagemaker:Create{NOUN}", f"sagemaker:ListTrainingJobsFor{NOUN}"} <= set(refused)


@pytest.mark.parametrize(("status", "words"), [("Failed", "failed: no trial gave"), ("Stopped", "was stopped")])
def test_a_tuning_job_that_does_not_complete_keeps_what_it_found(
    status: str, words: str, deploy: Deploy, stub: JobsStub
) -> None:
    stub.endings[NOUN] = [(status, "no trial gave" if status == "Failed" else "")]
    failed = deploy("tune")
    (name,) = stub.names(NOUN)
    assert failed.status == 1
    assert failed.err.splitlines()[-1].startswith(f"tune: The tuning job {name} {words}")
    assert read_state()["best_training_job"] == f"{name}-001-abc"
    assert deploy("tune").status == 0
    assert len(stub.names(NOUN)) == 2


def test_throttling_faults_and_quotas_are_told_or_survived(deploy: Deploy, stub: JobsStub) -> None:
    stub.gateway.fail("sagemaker", f"Create{NOUN}", code="ResourceLimitExceeded", message="0 of ml.m5.xlarge")
    refused = deploy("tune")
    assert (refused.status, "ask for a higher quota" in refused.err.splitlines()[-1]) == (1, True)
    stub.gateway.fail("sagemaker", f"Create{NOUN}")
    stub.gateway.fail("sagemaker", f"Describe{NOUN}", code="InternalFailure", status=500)
    assert deploy("tune").status == 0
    assert len(stub.names(NOUN)) == 1
