"""The image as a user starts it: train, stop, go on, serve, ask with curl."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from container import contract
from container.data.decode import decode_image
from container.model.artifact import load_artifact
from local_test import serve_test, train_local
from local_test.opt_ml import find_channels, lay_out
from local_test.serve_local import free_port
from tests.job_folder import FAST, write_data_set

pytestmark = pytest.mark.docker

EPOCHS = 25  # of the job that is stopped: more than are trained while the stop is on its way


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_set(tmp_path_factory.mktemp("image-run") / "data", per_class=8)


def parameters(**changes: object) -> list[str]:
    return [part for name, value in {**FAST, **changes}.items() for part in ("-p", f"{name}={value}")]


@pytest.fixture(scope="module")
def run_dir(image: str, data_dir: Path) -> Path:
    """A run that the image has trained, started by local_test.train_local."""
    folder = data_dir.parent / "run"
    assert train_local.main([str(data_dir), "--run", str(folder), "--image", image, *parameters(num_epochs=4)]) == 0
    return folder


def test_training_in_the_image_leaves_model_metrics_and_pictures(run_dir: Path) -> None:
    results = run_dir / "output" / "data"
    metrics = json.loads((results / "metrics.json").read_text())
    assert metrics["epochs_trained"] == 4
    assert 0 <= metrics["test"]["accuracy"] <= 1
    assert metrics["git_revision"] != "unknown"
    assert {path.name for path in results.iterdir()} >= {"confusion_matrix.csv", "per_class.csv", "curves.png"}
    assert (run_dir / "model" / "model.pt").stat().st_size > 100_000


def test_no_command_and_no_configuration_means_train(docker, image: str, data_dir: Path, tmp_path: Path) -> None:
    """The SDK's local mode passes no command; a person may mount data and nothing else."""
    config = tmp_path / "input" / "config" / "hyperparameters.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(FAST))
    mounts = ["-v", f"{tmp_path}:/opt/ml", "-v", f"{data_dir}:/opt/ml/input/data/train:ro"]  # a whole data set
    done = docker.run("run", "--rm", *mounts, image)
    assert done.returncode == 0, done.stderr
    for name in contract.METRICS:
        assert re.search(contract.metric_regex(name), done.stdout), f"{name} is not in the log"


def test_a_wrong_hyperparameter_ends_in_one_sentence_and_status_1(docker, image: str, tmp_path: Path) -> None:
    config = tmp_path / "input" / "config" / "hyperparameters.json"
    config.parent.mkdir(parents=True)
    config.write_text('{"learning_rat": "0.1"}')
    done = docker.run("run", "--rm", "-v", f"{tmp_path}:/opt/ml", image, "train")
    assert done.returncode == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure == "hyperparameters.json: no setting is named 'learning_rat'; did you mean 'learning_rate'?"
    assert "Traceback" not in done.stderr + done.stdout


def test_docker_stop_ends_a_job_in_order_and_the_next_start_goes_on(
    docker, image: str, data_dir: Path, tmp_path: Path
) -> None:
    run_dir, name = tmp_path / "run", f"stopped-{tmp_path.name}"
    arguments = [str(data_dir), "--run", str(run_dir), "--image", image, *parameters(num_epochs=EPOCHS)]
    channels = find_channels(data_dir)
    lay_out(run_dir, {**FAST, "num_epochs": str(EPOCHS)}, channels, link=False)
    mounts = [f"-v{run_dir}:/opt/ml"]
    mounts += [f"-v{folder}:/opt/ml/input/data/{channel}:ro" for channel, folder in channels.items()]
    docker.run("run", "-d", "--name", name, "--hostname", "algo-1", *mounts, image, "train")
    try:
        wait_for(lambda: list((run_dir / "checkpoints").glob("checkpoint-*.pt")))
        started = time.monotonic()
        docker.run("stop", "-t", str(contract.STOP_GRACE_SECONDS), name)
        seconds = time.monotonic() - started
        state = json.loads(docker.run("inspect", name).stdout)[0]["State"]
        log = docker.run("logs", name).stdout
    finally:
        docker.run("rm", "-f", name)
    assert state["ExitCode"] == 0
    assert seconds < 20, "the job was killed at the end of the grace time instead of stopping by itself"
    assert "Stopped as asked" in log
    assert not (run_dir / "output" / "failure").exists()
    assert (run_dir / "model" / "model.pt").is_file()
    trained = json.loads((run_dir / "output" / "data" / "metrics.json").read_text())["epochs_trained"]
    assert 1 <= trained < EPOCHS

    assert train_local.main(arguments) == 0
    assert json.loads((run_dir / "output" / "data" / "metrics.json").read_text())["epochs_trained"] == EPOCHS


def test_serve_test_says_that_the_image_serves_the_run(image: str, run_dir: Path, data_dir: Path, capsys) -> None:
    assert serve_test.main([str(run_dir), "--data", str(data_dir), "--image", image]) == 0
    assert f"{image} serves {run_dir}." in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="as root"),
        pytest.param(["--user", "1000:1000", "--read-only", "--tmpfs", "/tmp"], id="any user, read-only"),
        pytest.param(["--read-only", "--tmpfs", "/tmp", "--ipc", "none"], id="without /dev/shm"),
    ],
)
def test_curl_gets_labels_for_a_jpeg(docker, image: str, run_dir: Path, data_dir: Path, options: list[str]) -> None:
    port, photo = free_port(), next((data_dir / "test" / "003.Blue").iterdir())
    container = docker.run(
        "run", "-d", *options, "-p", f"{port}:8080", "-v", f"{run_dir / 'model'}:/opt/ml/model:ro", image, "serve"
    ).stdout.strip()
    try:
        url = f"http://localhost:{port}"
        ping = ["curl", "-sf", f"{url}/ping"]
        wait_for(lambda: subprocess.run(ping, check=False).returncode == 0)
        answer = subprocess.run(
            ["curl", "-s", "--data-binary", f"@{photo}", "-H", "Content-Type: image/jpeg", f"{url}/invocations"],
            capture_output=True,
            check=True,
        )
        docker.run("stop", "-t", str(contract.SERVE_GRACE_SECONDS), container)
        status = json.loads(docker.run("inspect", container).stdout)[0]["State"]["ExitCode"]
    finally:
        docker.run("rm", "-f", container)
    (prediction,) = json.loads(answer.stdout)["predictions"]
    artifact = load_artifact(run_dir / "model" / "model.pt")
    expected = artifact.logits([decode_image(photo.read_bytes())])[0].softmax(0).tolist()
    found = dict(zip(prediction["labels"], prediction["probabilities"], strict=True))
    assert found == pytest.approx(dict(zip(artifact.class_names, expected, strict=True)), abs=1e-4)
    assert status == 0, "SIGTERM did not end the server in order"


def wait_for(condition, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.1)
