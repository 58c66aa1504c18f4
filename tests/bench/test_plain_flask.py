"""The peer of serving: it must answer, and answer what our own server answers."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from bench.errors import BenchError
from bench.models import write_models
from bench.photos import PHOTO_SIZE, photo
from bench.serving import check_agreement
from container.data.decode import decode_image
from container.model.artifact import load_artifact
from container.serving.predictor import most_likely


@pytest.fixture(scope="module")
def model_paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    write_models(folder, folder / "bare.pt")
    return folder / "model" / "model.pt", folder / "bare.pt"


@pytest.fixture
def plain_flask(model_paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The file as a fresh gunicorn worker imports it."""
    monkeypatch.setenv("MODEL_PATH", str(model_paths[1]))
    monkeypatch.delitem(sys.modules, "bench.peers.plain_flask", raising=False)
    yield importlib.import_module("bench.peers.plain_flask")
    del sys.modules["bench.peers.plain_flask"]


def test_the_photo_is_the_same_in_every_run() -> None:
    assert photo(3) == photo(3)
    assert photo(3) != photo(4)
    assert tuple(decode_image(photo(3)).shape) == (3, PHOTO_SIZE[1], PHOTO_SIZE[0])


def test_ping_answers(plain_flask: ModuleType) -> None:
    assert plain_flask.app.test_client().get("/ping").status_code == 200


def test_both_sides_give_a_photo_the_same_labels(plain_flask: ModuleType, model_paths: tuple[Path, Path]) -> None:
    answer = plain_flask.app.test_client().post("/invocations", data=photo(0), content_type="image/jpeg").json
    theirs = dict(zip(answer["labels"], answer["probabilities"], strict=True))
    artifact = load_artifact(model_paths[0])
    probabilities = torch.softmax(artifact.logits([decode_image(photo(0))]), dim=1)[0]
    own = most_likely(probabilities, artifact.class_names, top_k=5)
    check_agreement(dict(zip(own.labels, own.probabilities, strict=True)), theirs, "the plain server")


OURS = {"a": 0.5, "b": 0.2, "c": 0.1, "d": 0.05, "e": 0.04}


@pytest.mark.parametrize(
    "theirs",
    [
        {"b": 0.5, "a": 0.2, "c": 0.1, "d": 0.05, "e": 0.04},  # another label first
        {"a": 0.5, "b": 0.2, "c": 0.1, "x": 0.05, "y": 0.04},  # two other labels
        {"a": 0.4, "b": 0.2, "c": 0.1, "d": 0.05, "e": 0.04},  # another probability
    ],
)
def test_sides_that_run_different_models_are_not_compared(theirs: dict[str, float]) -> None:
    with pytest.raises(BenchError, match="do not run the same model"):
        check_agreement(OURS, theirs, "the plain server")


def test_nearly_equal_classes_may_swap_places() -> None:
    check_agreement(OURS, {"a": 0.51, "b": 0.2, "c": 0.1, "e": 0.05, "x": 0.04}, "the plain server")
