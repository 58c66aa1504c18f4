"""The same cells in AWS mode: real boto3 against an emulated account, a real registry, and a real server's answers.

Jobs do not run there: what they leave in S3 is a job's that was trained on this machine.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_test.opt_ml import Run
from local_test.serve_local import free_port, server
from local_test.train_local import main as train_local
from tests.aws.docker_client import LOCAL
from tests.aws.endpoint_stub import Endpoints
from tests.aws.gateway import Gateway
from tests.aws.jobs_stub import JobsStub, archive
from tests.aws.registry import Registry
from tests.aws.test_story import left_in_the_account
from tests.job_folder import COLOURS, write_data_set
from tests.notebooks.running import Executed, execute
from tests.notebooks.runtime import Runtime, runtime_before

pytestmark = pytest.mark.docker
PROJECT = "train-and-deploy-notebook"
PARAMETERS = {
    **{"pretrained": "none", "fine_tune": "all", "image_size": "32", "batch_size": "8", "num_epochs": "2"},
    "precisions": "fp32",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_set(tmp_path_factory.mktemp("images"), per_class=8)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A job of this machine, with rules, profile and report."""
    root = tmp_path_factory.mktemp("trained")
    parameters = [word for name, value in PARAMETERS.items() for word in ("-p", f"{name}={value}")]
    assert train_local([str(data), "--run", str(root), "--no-docker", *parameters]) == 0
    return Run(root)


@pytest.fixture(scope="module")
def runtime(trained: Run) -> Iterator[Runtime]:
    port = free_port()
    with server(trained, image=None, port=port, quiet=True), runtime_before(port) as started:
        yield started


@pytest.fixture
def account(aws: Gateway, registry: Registry, trained: Run) -> Gateway:
    """An empty account in which a training job leaves what one has left here."""
    Endpoints(aws)
    folder = trained.root / "output" / "data"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    model = (trained.model_dir / "model.pt").read_bytes()
    JobsStub(aws).results = {
        "output/output.tar.gz": archive(files),
        "output/model.tar.gz": archive({"model.pt": model}),
    }
    return aws


def run_notebook(folder: Path, data: Path, runtime: Runtime, **changes: object) -> Executed:
    parameters = {"DATA": data, "SAMPLE_SIZE": None, "TRIALS": 3, "IMAGE": LOCAL, **changes}
    words = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
    variables = {"NOTEBOOK_MODE": "aws", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": runtime.url}
    return execute(folder, *words, **variables)


def test_the_same_cells_go_from_images_to_answers_and_back_to_an_empty_account(
    account: Gateway, runtime: Runtime, data: Path, tmp_path: Path
) -> None:
    done = run_notebook(tmp_path, data, runtime)
    assert done.status == 0, done.said[-3000:]

    # Said before anything is created: all of it, with prices, by commands that send nothing.
    told = done.text("place")
    for what in ("IAM role", "bucket", "repository", "tuning job", "training job", "endpoint"):
        assert re.search(rf"^Creates: .*{what}", told, re.MULTILINE), f"{what}: {told}"
    assert told.count("$") >= 3

    # What was asked of AWS.
    requests = {call.operation: call.parameters for call in account.calls}
    ranges = requests["CreateHyperParameterTuningJob"]["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert [item["Name"] for item in ranges["IntegerParameterRanges"]] == ["batch_size", "num_epochs"]
    job = requests["CreateTrainingJob"]
    assert job["HyperParameters"]["image_size"] == "48"
    assert {item["CollectionName"] for item in job["DebugHookConfig"]["CollectionConfigurations"]} >= {"losses"}
    assert job["ProfilerConfig"]["ProfilingIntervalInMilliseconds"] == 500
    assert requests["CreateEndpoint"]["EndpointName"] == PROJECT

    # What the cells show comes from S3 and from the model's answers.
    assert done.pictures("curves") == ["image/png"]
    assert "LossNotDecreasing" in next(output.data["text/html"] for output in done.outputs("rules"))
    assert all(name in done.text("answers") for name in COLOURS)
    assert done.pictures("why") == ["image/jpeg"] * 3
    assert set(runtime.asked) == {f"/endpoints/{PROJECT}/invocations"}

    assert "Nothing is left." in done.text("teardown")
    assert {kind: found for kind, found in left_in_the_account().items() if found} == {}


def test_a_cell_that_fails_says_what_goes_on_and_how_to_end_it(
    account: Gateway, runtime: Runtime, data: Path, tmp_path: Path
) -> None:
    account.fail("iam", "CreateRole", "AccessDenied", message="not allowed", times=99)
    done = run_notebook(tmp_path, data, runtime)
    assert done.status == 1
    assert "not allowed" in done.said
    assert f"python -m deploy teardown --set project={PROJECT}" in done.text("channels")
    assert done.outputs("tune") == []
