"""Ctrl-C on a terminal while jobs and servers run in containers: they end in order, and none is left."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.job_folder import write_data_set
from tests.terminal import Terminal

IMAGE = "image-classifier-obedient:test"
SOURCE = Path(__file__).with_name("obedient_job.c")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One program, which obeys SIGTERM as SageMaker's contract has it."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("No Docker engine answers; start one with `dockerd &`.")
    program = tmp_path_factory.mktemp("obedient") / "job"
    subprocess.run(["gcc", "-static", "-O1", "-o", str(program), str(SOURCE)], check=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(program, "job")
    made = ["docker", "import", "--change", 'ENTRYPOINT ["/job"]', "-", IMAGE]
    subprocess.run(made, input=packed.getvalue(), capture_output=True, check=True)
    yield IMAGE
    subprocess.run(["docker", "image", "rm", "-f", IMAGE], capture_output=True, check=True)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_set(tmp_path_factory.mktemp("interrupted") / "data", per_class=1)


def containers() -> list[str]:
    """Ids of all of the image, running or not."""
    command = ["docker", "ps", "-aq", "--filter", f"ancestor={IMAGE}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def networks() -> set[str]:
    command = ["docker", "network", "ls", "-q"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def interrupted(*arguments: str, seen: str) -> tuple[int, str]:
    """Exit status and what is shown of a command that gets Ctrl-C once `seen` is shown."""
    terminal = Terminal([sys.executable, "-m", *arguments, "--image", IMAGE])
    try:
        terminal.wait_for(seen)
        assert containers()
        terminal.press_ctrl_c()
        status = terminal.end(60)
        assert terminal.running() == []
    finally:
        terminal.kill()
    assert "Traceback" not in terminal.shown, terminal.shown
    return status, terminal.shown


@pytest.mark.docker
def test_a_training_job_is_stopped_in_order(image: str, data_dir: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    status, shown = interrupted("local_test.train_local", str(data_dir), "--run", str(run_dir), seen="at work")
    assert status == 130, shown
    assert (run_dir / "model" / "model.pt").is_file()
    assert "Stopping; press Ctrl-C again to end at once." in shown
    assert "the same command goes on from the checkpoint" in shown
    assert containers() == []


@pytest.mark.docker
def test_a_server_that_is_not_ready_yet_is_stopped(image: str, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.pt").touch()
    status, shown = interrupted("local_test.serve_local", str(tmp_path), "--port", "0", seen="at work")
    assert status == 0, shown
    assert containers() == []


@pytest.mark.docker
def test_the_sdks_hosts_are_stopped_and_their_network_removed(image: str, data_dir: Path, tmp_path: Path) -> None:
    before = networks()
    status, shown = interrupted("local_test.sdk_local", str(data_dir), "--run", str(tmp_path / "run"), seen="at work")
    assert status == 130, shown
    assert shown.rstrip().endswith("Stopped; nothing is left running.")
    assert containers() == []
    assert networks() <= before  # one of an earlier test may be going meanwhile
