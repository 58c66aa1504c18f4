"""train_local, serve_local and invoke as a user runs them, without Docker, on one small run."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from container import contract
from local_test import invoke, serve_local, train_local
from local_test.opt_ml import Run
from local_test.serve_local import free_port
from tests.job_folder import FAST, write_data_set

PARAMETERS = [part for name, value in FAST.items() for part in ("-p", f"{name}={value}")]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_set(tmp_path_factory.mktemp("local-run") / "data", per_class=6)


@pytest.fixture(scope="module")
def run_dir(data_dir: Path) -> Path:
    folder = data_dir.parent / "run"
    assert train_local.main([str(data_dir), "--run", str(folder), "--no-docker", *PARAMETERS]) == 0
    return folder


@pytest.fixture(scope="module")
def url(run_dir: Path) -> Iterator[str]:
    with serve_local.server(Run(run_dir), image=None, port=free_port(), quiet=True) as address:
        yield address


def test_training_leaves_model_and_results_in_the_run(run_dir: Path) -> None:
    assert (run_dir / "model" / "model.pt").is_file()
    assert (run_dir / "output" / "data" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_without_the_debugger_nothing_of_it_is_left(run_dir: Path) -> None:
    assert sorted(path.name for path in (run_dir / "output").iterdir()) == ["data", "success"]
    assert not (run_dir / "output" / "data" / contract.PROFILER_REPORT_DIR).exists()
    assert not (run_dir / "output" / "data" / contract.RULES_DIR).exists()


def test_a_failed_job_ends_with_its_sentence_and_status_1(data_dir: Path, tmp_path: Path, capfd) -> None:
    arguments = [str(data_dir), "--run", str(tmp_path / "run"), "--no-docker", *PARAMETERS, "-p", "pretrained=/no/such"]
    assert train_local.main(arguments) == 1
    assert "Training failed: pretrained='/no/such' is no file" in capfd.readouterr().err


def test_help_lists_every_hyperparameter(capsys) -> None:
    with pytest.raises(SystemExit):
        train_local.main(["--help"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("num_epochs", "learning_rate", "fine_tune", "checkpoint_seconds"))


def test_an_image_gets_its_labels_most_likely_first(url: str, data_dir: Path, capsys) -> None:
    image = next((data_dir / "test").rglob("*.jpg"))
    answer = invoke.invoke(url, image, top_k=3)
    (prediction,) = answer["predictions"]
    assert sorted(prediction["labels"]) == ["001.Red", "002.Green", "003.Blue"]
    assert prediction["probabilities"] == sorted(prediction["probabilities"], reverse=True)
    assert sum(prediction["probabilities"]) == pytest.approx(1, abs=1e-4)
    assert invoke.main([str(image), "--url", url]) == 0
    assert prediction["labels"][0] in capsys.readouterr().out


def test_a_file_that_is_no_image_is_refused_with_the_servers_sentence(url: str, tmp_path: Path, capsys) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an image")
    assert invoke.main([str(text), "--url", url]) == 1
    assert "415" in capsys.readouterr().err


def test_no_server_is_said_in_one_sentence(tmp_path: Path, capsys) -> None:
    image = tmp_path / "a.jpg"
    image.touch()
    assert invoke.main([str(image), "--url", f"http://localhost:{free_port()}"]) == 1
    assert "No server answers" in capsys.readouterr().err


def test_a_missing_image_is_named(tmp_path: Path, capsys) -> None:
    assert invoke.main([str(tmp_path / "no.jpg")]) == 1
    assert "no.jpg cannot be read (No such file or directory)" in capsys.readouterr().err


def test_a_run_without_a_model_is_not_served(tmp_path: Path, capsys) -> None:
    assert serve_local.main([str(tmp_path), "--no-docker"]) == 1
    assert "holds no model/model.pt" in capsys.readouterr().err


def test_a_port_in_use_is_said_before_anything_starts(run_dir: Path, url: str, capsys) -> None:
    port = url.rpartition(":")[2]
    assert serve_local.main([str(run_dir), "--no-docker", "--port", port]) == 1
    assert f"Port {port} is in use" in capsys.readouterr().err


def test_ctrl_c_stops_the_server_and_leaves_nothing_running(run_dir: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "local_test.serve_local", str(run_dir), "--no-docker", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: urllib.request.urlopen(f"http://localhost:{port}/ping").status == 200)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=40) == 0
    finally:
        process.kill()
    with socket.socket() as probe:
        assert probe.connect_ex(("localhost", port)) != 0


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.1)
