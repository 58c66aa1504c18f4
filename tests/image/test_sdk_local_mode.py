"""The SageMaker Python SDK, in local mode, starts the image: on one host, and on two that train as one."""

import base64
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.endpoint.model_archive import write_model_archive
from local_test import sdk_local
from local_test.serve_local import free_port
from tests.job_folder import CLASS_NAMES, FAST, write_data_set

pytestmark = [
    pytest.mark.docker,
    # The SDK's own: deprecated imports, and a pipe that it leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

# The frozen backbone and the linear head have no batch statistics of their own, so sharing a batch out changes nothing.
EXACT = {**FAST, "head": "linear", "fine_tune": "head", "num_epochs": 3, "debugger": "true"}
PARAMETERS = [part for name, value in EXACT.items() for part in ("-p", f"{name}={value}")]
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_set(tmp_path_factory.mktemp("sdk-run") / "data", per_class=7)


def train(data_dir: Path, image: str, instances: int) -> dict:
    run_dir = data_dir.parent / f"sdk-{instances}"
    arguments = [str(data_dir), "--run", str(run_dir), "--image", image, "--instances", str(instances)]
    assert sdk_local.main([*arguments, *PARAMETERS]) == 0
    gc.collect()  # here, where that pipe's warning is expected
    assert (run_dir / "model" / "model.pt").is_file()
    return json.loads((run_dir / "output" / "data" / "metrics.json").read_text())


def test_two_hosts_end_with_the_metrics_of_one_and_with_a_report(image: str, data_dir: Path, capfd) -> None:
    one, two = train(data_dir, image, 1), train(data_dir, image, 2)
    assert len(one["history"]) == 3
    for lone, shared in zip(one["history"], two["history"], strict=True):
        for name in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy"):
            assert shared[name] == pytest.approx(lone[name], abs=TOLERANCE)
    assert two["test"] == pytest.approx(one["test"], abs=TOLERANCE)
    # The second host, which is done earlier, must not take the first one down in the middle of its report.
    assert capfd.readouterr().out.count("Report: /opt/ml/output/data/ProfilerReport") == 2
    assert list((data_dir.parent / "sdk-2").rglob("output/data/ProfilerReport/*/profiler-report.html"))


def test_a_failed_job_shows_the_sentence_of_its_failure_file(image: str, data_dir: Path, capsys) -> None:
    run_dir = data_dir.parent / "sdk-failed"
    arguments = [str(data_dir), "--run", str(run_dir), "--image", image, *PARAMETERS, "-p", "pretrained=/no/such"]
    assert sdk_local.main(arguments) == 1
    gc.collect()
    assert "pretrained='/no/such' is no file" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def _collect() -> Iterator[None]:
    """What the SDK leaves to the garbage collector is collected here, where its warnings are expected."""
    yield
    gc.collect()


@pytest.fixture
def session(image: str, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session in local mode that knows the model `model`, which a test before has trained."""
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)  # the SDK wants some, and uses none
    from sagemaker.core.local.local_session import LocalSession

    archive = tmp_path / "model" / "model.tar.gz"  # it is unpacked where it lies
    archive.parent.mkdir()
    write_model_archive(data_dir.parent / "sdk-1", archive)
    session = LocalSession()
    session.config = {"local": {"container_root": str(tmp_path), "serving_port": free_port()}}
    container = {"Image": image, "ModelDataUrl": f"file://{archive}", "Environment": {}}
    session.sagemaker_client.create_model(ModelName="model", PrimaryContainer=container)
    return session


def test_an_endpoint_in_local_mode_answers_with_labels(session: Any, data_dir: Path) -> None:
    client = session.sagemaker_client
    variant = {"VariantName": "main", "ModelName": "model", "InstanceType": "local", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName="config", ProductionVariants=[variant])
    client.create_endpoint("endpoint", "config")
    try:
        picture = next((data_dir / "test").rglob("*.jpg"))
        answer = session.sagemaker_runtime_client.invoke_endpoint(
            Body=picture.read_bytes(), EndpointName="endpoint", ContentType="image/jpeg", Accept="application/json"
        )
        (prediction,) = json.loads(answer["Body"].read())["predictions"]
    finally:
        client.delete_endpoint("endpoint")
        gc.collect()
    assert sorted(prediction["labels"]) == sorted(CLASS_NAMES)
    assert sum(prediction["probabilities"]) == pytest.approx(1, abs=1e-3)


def test_a_transform_job_in_local_mode_answers_every_line_of_a_file(session: Any, data_dir: Path) -> None:
    pictures = sorted((data_dir / "test").rglob("*.jpg"))[:5]
    lines = [json.dumps({"b64": base64.b64encode(path.read_bytes()).decode()}) for path in pictures]
    folder = data_dir.parent / "transform"
    (folder / "input").mkdir(parents=True)
    (folder / "input" / "dogs.jsonl").write_text("\n".join([*lines[:3], "no json", *lines[3:]]) + "\n")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"file://{folder}/input"}}
    session.sagemaker_client.create_transform_job(
        TransformJobName="lines",
        ModelName="model",
        TransformInput={"DataSource": source, "ContentType": "application/jsonlines", "SplitType": "Line"},
        TransformOutput={
            "S3OutputPath": f"file://{folder}/output",
            "Accept": "application/jsonlines",
            "AssembleWith": "Line",
        },
        TransformResources={"InstanceType": "local", "InstanceCount": 1},
        BatchStrategy="MultiRecord",
    )
    gc.collect()
    answers = [json.loads(line) for line in (folder / "output" / "dogs.jsonl.out").read_text().splitlines() if line]
    assert [answer["error"]["code"] if "error" in answer else len(answer["labels"]) for answer in answers] == [
        *[len(CLASS_NAMES)] * 3,
        "invalid_json",
        *[len(CLASS_NAMES)] * 2,
    ]
