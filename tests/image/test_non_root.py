"""The image as a user without rights: it trains and serves, and local_test starts it so by default."""

import json
import os
import shutil
from pathlib import Path

import pytest

from container import contract
from local_test import image as local_image
from local_test import train_local
from local_test.image import NOBODY, EngineError, require_own_files, without_privileges
from local_test.opt_ml import Run, find_channels, lay_out
from local_test.serve_local import free_port, server
from tests.job_folder import FAST, write_data_set

SOMEBODY = 1234  # is nobody's number in any base


@pytest.fixture
def plain_engine(monkeypatch) -> None:
    monkeypatch.setattr(local_image, "_is_rootless", lambda: False)


@pytest.mark.usefixtures("plain_engine")
def test_a_job_runs_as_the_folder_s_owner_without_capabilities(tmp_path: Path) -> None:
    options = without_privileges(tmp_path, write=True)
    assert options[:4] == ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    assert options[4:] == ["--user", f"{os.getuid()}:{os.getgid()}"]


@pytest.mark.usefixtures("plain_engine")
@pytest.mark.skipif(os.getuid() != 0, reason="only root can own a folder of root's; run the tests as root")
def test_a_server_of_root_s_folder_is_nobody_where_nobody_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "model.pt").touch(mode=0o644)
    tmp_path.chmod(0o755)
    assert without_privileges(tmp_path, write=False)[-1] == f"{NOBODY}:{NOBODY}"
    (tmp_path / "model.pt").chmod(0o600)
    assert without_privileges(tmp_path, write=False)[-1] == "0:0"


def test_an_engine_without_root_s_rights_is_not_told_a_user(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(local_image, "_is_rootless", lambda: True)
    assert "--user" not in without_privileges(tmp_path, write=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away; run the tests as root")
def test_files_of_another_user_in_a_run_are_named_before_the_job_starts(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    require_own_files(tmp_path)
    os.chown(tmp_path / "checkpoints", SOMEBODY, SOMEBODY)
    with pytest.raises(EngineError, match=rf"checkpoints is another user's than .*sudo chown -R 0 {tmp_path}"):
        require_own_files(tmp_path)


@pytest.mark.usefixtures("plain_engine")
def test_train_local_starts_a_job_so(tmp_path: Path, monkeypatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(train_local, "StartedContainer", lambda _, command: commands.append(command))
    monkeypatch.setattr(train_local, "follow", lambda start, _: start())
    train_local.train_in_docker(Run(tmp_path), {}, "image:1")
    assert " ".join(without_privileges(tmp_path, write=True)) in " ".join(commands[0])


@pytest.fixture(scope="module")
def run(docker, image: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a user who is not root, trained with that user's rights; but for it and /tmp, all was read-only."""
    root = tmp_path_factory.mktemp("non-root")
    channels = find_channels(write_data_set(root / "data", per_class=4))
    laid_out = lay_out(root / "run", {**FAST, "num_epochs": "1"}, channels, link=False)
    if os.getuid() == 0:
        for path in (laid_out.root, *laid_out.root.rglob("*")):
            os.chown(path, SOMEBODY, SOMEBODY)
    mounts = [
        f"-v{laid_out.root}:/opt/ml",
        *(f"-v{path}:/opt/ml/input/data/{name}:ro" for name, path in channels.items()),
    ]
    locked = [*without_privileges(laid_out.root, write=True), "--read-only", "--tmpfs", "/tmp"]
    done = docker.run("run", "--rm", "--hostname", "algo-1", *locked, *mounts, image, "train")
    assert done.returncode == 0, done.stdout + done.stderr
    return laid_out


@pytest.mark.docker
def test_training_as_another_user_leaves_files_that_are_that_user_s(run: Run) -> None:
    owner = run.root.stat().st_uid
    written = [run.model_dir / contract.MODEL_FILE, run.metrics_path, *(run.root / "checkpoints").iterdir()]
    assert {path.stat().st_uid for path in written} == {owner}
    assert owner != 0 or os.getuid() != 0
    assert json.loads(run.metrics_path.read_text())["epochs_trained"] == 1


@pytest.mark.docker
def test_the_served_image_has_no_capability_and_is_not_root(docker, image: str, run: Run, tmp_path: Path) -> None:
    copy = Run(tmp_path / "run")  # root's own, as `sudo make train` would leave it
    shutil.copytree(run.model_dir, copy.model_dir, copy_function=shutil.copyfile)
    port = free_port()
    with server(copy, image=image, port=port, quiet=True):
        (name,) = docker.run("ps", "-q", "--filter", f"publish={port}").stdout.split()
        status = docker.run("exec", name, "cat", "/proc/1/status").stdout
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert "0" not in fields["Uid"].split()
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"
