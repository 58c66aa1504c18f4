"""Tiny models in folders of their own, as SageMaker puts them below /opt/ml/models."""

import gc
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from flask.testing import FlaskClient
from torch import Tensor, nn

from container.serving.app import create_app
from container.serving.load import layout_of, load_predictor
from container.serving.metrics import Metrics
from container.serving.multi_model.memory_budget import MIB, MemoryBudget
from container.serving.multi_model.store import ModelStore
from container.serving.predictor import Predictor
from container.serving.settings import ServeSettings
from container.serving.shared_cores import SharedCores
from tests.container.serving.conftest import COLOURS, MeanColour, save_colour_model

PATIENCE = 20  # seconds; only a defect takes that long
GOOD = ("a", "b", "c", "d")


class Raises(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        if pixels.size(0) > 0:
            raise ValueError("the network has a fault")
        return pixels.mean(dim=(2, 3))


class TooFewRows(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.mean(dim=(2, 3))[1:]


class SlowForBright(nn.Module):
    """A second or so of work for any image that is not dark, as the one of the warm-up is."""

    def forward(self, pixels: Tensor) -> Tensor:
        work = torch.ones(512, 512)
        if bool(pixels.max() > 0):
            for _ in range(200):
                work = torch.matmul(work, work).clamp(0.0, 1.0)
        return pixels.mean(dim=(2, 3)) + 0 * work.sum()


def save_models(base_dir: Path) -> None:
    """Good models, of which each has class names of its own, and broken ones of every kind."""
    models_dir = base_dir / "models"
    for name in GOOD:
        save_colour_model(models_dir / name / "model", MeanColour(), [f"{name}-{colour}" for colour in COLOURS])
    save_colour_model(models_dir / "slow" / "model", SlowForBright(), COLOURS)
    save_colour_model(models_dir / "raises" / "model", Raises(), COLOURS)
    save_colour_model(models_dir / "too-few-rows" / "model", TooFewRows(), COLOURS)
    save_colour_model(models_dir / "two-names" / "model", MeanColour(), ["red", "green"])
    (models_dir / "empty").mkdir()
    for name, content in (("text", b"not a model"), ("cut", (models_dir / "a/model/model.pt").read_bytes()[:3000])):
        (models_dir / name / "model").mkdir(parents=True)
        (models_dir / name / "model/model.pt").write_bytes(content)


BROKEN = ("raises", "too-few-rows", "two-names", "text", "cut")


@pytest.fixture(scope="session")
def many_base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("opt-ml-many")
    save_models(base)
    return base


class Gate:
    """Lets loads pass, or holds them up; tells which folders have come to it."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.opened.set()
        self.arrived: list[str] = []
        self._arrival = threading.Condition()

    def pass_through(self, folder: Path) -> None:
        with self._arrival:
            self.arrived.append(folder.parent.name)
            self._arrival.notify_all()
        assert self.opened.wait(PATIENCE)

    def wait_for(self, number: int) -> None:
        with self._arrival:
            assert self._arrival.wait_for(lambda: len(self.arrived) >= number, PATIENCE)


class Many:
    """An application of many models with a client.

    `gate` holds up loads; a loaded model is taken to have `model_mib` of memory, whatever it really has.
    """

    def __init__(self, base_dir: Path, **settings: Any) -> None:
        self.gate = Gate()
        self.models_dir = base_dir / "models"
        self.model_mib = 0
        given = {"threads": 16, "inferences": 2, "torch_threads": 1, "lone_threads": 1, "decodes": 2, "batch_size": 4}
        self.settings = ServeSettings(**{**given, "multi_model": True, "models_dir": self.models_dir, **settings})
        self._cores = SharedCores(layout_of(self.settings))
        budget = MemoryBudget(self.settings.max_models_mib, self._resident)
        metrics = Metrics()
        self.store = ModelStore(self.settings, self._load_predictor, metrics, budget)
        assert self.store.warm_up()
        self.client: FlaskClient = create_app(self.settings, self.store, metrics=metrics).test_client()

    def _resident(self) -> int:
        return (100 + self.model_mib * len(self.store)) * MIB

    def _load_predictor(self, folder: Path) -> Predictor:
        self.gate.pass_through(folder)
        return load_predictor(replace(self.settings, model_dir=folder), "cpu", self._cores)

    def url(self, name: str) -> str:
        return str(self.models_dir / name / "model")

    def load(self, name: str, url: str | None = None) -> tuple[int, dict[str, Any]]:
        body = json.dumps({"model_name": name, "url": self.url(name) if url is None else url})
        answer = self.client.application.test_client().post("/models", data=body)
        return answer.status_code, answer.get_json()

    def invoke(self, name: str, body: bytes) -> tuple[int, dict[str, Any]]:
        answer = self.client.application.test_client().post(
            f"/models/{name}/invoke?top_k=1", data=body, content_type="image/jpeg"
        )
        return answer.status_code, answer.get_json()

    def unload(self, name: str) -> int:
        return self.client.application.test_client().delete(f"/models/{name}").status_code

    def names(self) -> list[str]:
        return [model["modelName"] for model in self.client.get("/models").get_json()["models"]]


def error_code(answer: dict[str, Any]) -> str:
    return str(answer["error"]["code"])


@pytest.fixture
def make_many(many_base_dir: Path) -> Callable[..., Many]:
    """`make_many(max_models=2)`: an application of many models; keyword arguments are the server's settings."""
    return lambda **settings: Many(many_base_dir, **settings)


@pytest.fixture
def many(make_many: Callable[..., Many]) -> Many:
    return make_many()


@pytest.fixture
def background():
    """`background(function, ...)`: a call in a thread of its own, as a Future."""
    with ThreadPoolExecutor(16) as threads:
        yield threads.submit


@pytest.fixture(scope="package", autouse=True)
def frozen_heap():
    """As in a server: what is there before the first model need not be looked through after each load."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
