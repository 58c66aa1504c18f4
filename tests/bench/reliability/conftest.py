"""A tiny model, the real server on it, and grounds for scenarios that end within seconds."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.photos import photo
from bench.reliability import callers, census, overload
from bench.reliability.ground import Ground, Plan
from bench.reliability.worker_kill import REPLACE_SECONDS
from bench.servers import RunningServer, running
from container.model.artifact import save_artifact
from container.model.preprocess import Preprocess

SMALL_PHOTO = photo(0, (64, 48))
SHORT = Plan(
    seconds=0.5,
    callers=8,
    num_disconnects=60,
    num_slow=20,
    slow_seconds=10,
    num_kills=1,
    replace_seconds=20,
    soak_seconds=3,
    memory_gib=(1,),
)
BAD_SECONDS = 1.5  # to wait in vain for a bad server


class MeanColour(nn.Module):
    """Logits: the mean of each colour channel, after a few milliseconds of work."""

    def forward(self, pixels: Tensor) -> Tensor:
        work = torch.ones(400, 400, device=pixels.device)
        for _ in range(4):
            work = torch.matmul(work, work).clamp(0.0, 1.0)
        return pixels.mean(dim=(2, 3)) + 0 * work.sum()


@pytest.fixture(scope="session")
def tiny_base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out like /opt/ml, with a model in it."""
    base_dir = tmp_path_factory.mktemp("tiny-ml")
    (base_dir / "model").mkdir()
    names = ["red", "green", "blue"]
    save_artifact(base_dir / "model" / "model.pt", Preprocess(32), MeanColour(), names, {"purpose": "test"})
    return base_dir


@pytest.fixture(scope="session")
def real(tiny_base_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Where the real server is measured, shortly."""
    folder = tmp_path_factory.mktemp("real")
    return Ground(base_dir=tiny_base_dir, work_dir=folder, photo=SMALL_PHOTO, plan=SHORT)


@pytest.fixture(scope="session")
def shared_server(real: Ground) -> Iterator[tuple[RunningServer, Path]]:
    """One real server for the scenarios that leave it as it was, and its log; it waits 2 s for slow requests."""
    side = real.side("shared", SERVE_THREADS="8", SERVE_RECEIVE_SECONDS="2")
    with running(side, real.photo) as server:
        yield server, side.log_path


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ground]:
    """`bad(make_side)`: where a bad server is measured, and nobody waits long for it."""
    monkeypatch.setattr(callers, "TIMEOUT_SECONDS", BAD_SECONDS)
    monkeypatch.setattr(census, "SETTLE_SECONDS", 0.3)
    monkeypatch.setattr(overload, "MOST_ARRIVALS", 300)
    plan = replace(SHORT, seconds=0.3, slow_seconds=BAD_SECONDS, replace_seconds=REPLACE_SECONDS + 0.5, soak_seconds=2)

    def make(make_side: Callable[..., object]) -> Ground:
        return Ground(base_dir=tmp_path, work_dir=tmp_path, photo=SMALL_PHOTO, plan=plan, make_side=make_side)

    return make


@pytest.fixture(autouse=True)
def no_settings_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SERVE_")]:
        monkeypatch.delenv(name)
