"""A real, tiny artifact that tells red from green from blue, and images to ask it about."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from flask.testing import FlaskClient
from PIL import Image
from torch import Tensor, nn

from container.model.artifact import load_artifact, save_artifact
from container.model.preprocess import Preprocess
from container.serving.app import create_app
from container.serving.predictor import Layout, Predictor
from container.serving.readiness import Readiness
from container.serving.settings import ServeSettings
from tests.container.serving.running_server import RunningServer

COLOURS = ["red", "green", "blue"]


class MeanColour(nn.Module):
    """Logits: the mean of each colour channel."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.mean(dim=(2, 3))


class SlowMeanColour(nn.Module):
    """The same after a second or so of work, on any machine long enough to be seen at it."""

    def forward(self, pixels: Tensor) -> Tensor:
        work = torch.ones(512, 512, device=pixels.device)
        for _ in range(200):
            work = torch.matmul(work, work).clamp(0.0, 1.0)
        return pixels.mean(dim=(2, 3)) + 0 * work.sum()


def save_colour_model(model_dir: Path, network: nn.Module, class_names: list[str]) -> Path:
    model_dir.mkdir(parents=True)
    save_artifact(model_dir / "model.pt", Preprocess(32), network, class_names, {"purpose": "test"})
    return model_dir / "model.pt"


@pytest.fixture(scope="session")
def base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out like /opt/ml, with the artifact in it."""
    base = tmp_path_factory.mktemp("opt-ml")
    save_colour_model(base / "model", MeanColour(), COLOURS)
    return base


@pytest.fixture(scope="session")
def slow_base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("opt-ml-slow")
    save_colour_model(base / "model", SlowMeanColour(), COLOURS)
    return base


@pytest.fixture
def predictor(base_dir: Path) -> Predictor:
    return Predictor(load_artifact(base_dir / "model/model.pt"), Layout(batch_size=2), timeout_seconds=30)


@pytest.fixture
def make_client(predictor: Predictor) -> Callable[..., FlaskClient]:
    """A test client of a warmed-up application; keyword arguments are the server's settings."""

    def make(**settings: object) -> FlaskClient:
        readiness = Readiness(lambda: predictor)
        assert readiness.warm_up()
        return create_app(ServeSettings(**{"threads": 4, "batch_size": 2, **settings}), readiness).test_client()

    return make


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    return make_client()


def encode(colour: str, file_format: str = "JPEG", size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, file_format, **options)
    return file.getvalue()


@pytest.fixture(scope="session")
def encode_image() -> Callable[..., bytes]:
    """`encode_image(colour, file_format, size)`: the bytes of an image file of one colour."""
    return encode


@pytest.fixture(scope="session")
def red_jpeg() -> bytes:
    return encode("red")


@pytest.fixture(scope="session")
def blue_png() -> bytes:
    return encode("blue", "PNG")


@pytest.fixture
def start_server(tmp_path: Path):
    """`start_server(base_dir, SERVE_X=...)`: a real server process, stopped when the test ends."""
    servers: list[RunningServer] = []

    def start(base_dir: Path, **environment: str) -> RunningServer:
        home_dir = tmp_path / f"home{len(servers)}"
        home_dir.mkdir()
        servers.append(RunningServer(base_dir, home_dir, {**os.environ, **environment}))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
