"""The servers' command lines and settings."""

import sys
from pathlib import Path

import pytest

from bench import sides
from bench.errors import BenchError
from bench.sides import (
    BENTOML,
    LITSERVE,
    ONE_THREAD,
    PLAIN,
    RAY,
    TORCHSERVE,
    bentoml_side,
    litserve_side,
    our_side,
    peer_sides,
    ray_side,
)

MODEL = Path("resnet18.pt")
BIN = Path("/peer/bin")
REQUIREMENTS = Path(sides.__file__).parent / "peers" / "requirements"


def test_our_server_is_told_its_folder_its_port_and_its_precision(tmp_path: Path) -> None:
    side = our_side("this project, fp32", tmp_path, tmp_path, SERVE_PRECISION="fp32")
    assert side.command == [sys.executable, "-m", "container.entrypoint", "serve"]
    assert side.variables == {
        "SAGEMAKER_BASE_DIR": str(tmp_path),
        "SAGEMAKER_BIND_TO_PORT": str(side.port),
        "SERVE_PRECISION": "fp32",
    }
    assert side.is_ours


@pytest.mark.parametrize(("make", "form_field"), [(litserve_side, "file"), (bentoml_side, "images"), (ray_side, None)])
def test_a_peer_runs_in_its_own_environment_with_one_thread_per_worker(make, form_field: str | None) -> None:  # type: ignore[no-untyped-def]
    side = make(BIN, MODEL, Path("logs"))
    assert Path(side.command[0]).parent == BIN
    assert any(str(side.port) in argument for argument in side.command)
    assert side.variables["OMP_NUM_THREADS"] == "1"
    assert side.variables["MODEL_PATH"] == str(MODEL)
    assert side.form_field == form_field
    assert not side.is_ours


def test_a_peer_that_cannot_be_installed_is_left_out_and_the_reason_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def peer_python(name: str) -> Path:
        if name in ("torchserve", "ray"):
            raise BenchError(f"The peer {name} cannot be installed: no network.")
        return BIN / "python"

    monkeypatch.setattr(sides, "peer_python", peer_python)
    found, left_out = peer_sides(MODEL, tmp_path)
    assert [side.name for side in found] == [PLAIN, ONE_THREAD, LITSERVE, BENTOML]
    assert list(left_out) == [TORCHSERVE, RAY]
    assert "no network" in left_out[RAY]


@pytest.mark.parametrize(
    ("name", "package"), [(TORCHSERVE, "torchserve"), (LITSERVE, "litserve"), (BENTOML, "bentoml"), (RAY, "ray")]
)
def test_a_peer_is_named_after_the_version_that_is_installed(name: str, package: str) -> None:
    pins = (REQUIREMENTS / f"{package}.txt").read_text().splitlines()
    version = name.rpartition(" ")[2]
    assert any(pin.partition(" ")[0].partition("[")[0].startswith(package) and f"=={version}" in pin for pin in pins)


@pytest.mark.parametrize("package", ["torchserve", "litserve", "bentoml", "ray"])
def test_every_peer_runs_the_torch_that_this_project_runs(package: str) -> None:
    def pin(path: Path) -> str:
        return next(line for line in path.read_text().splitlines() if line.startswith("torch=="))

    ours = REQUIREMENTS.parents[2] / "docker" / "requirements-torch.txt"
    assert pin(REQUIREMENTS / f"{package}.txt") == pin(ours)
