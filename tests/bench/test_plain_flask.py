"""The peer of serving: it must answer, and answer what our own server answers."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from bench.models import IMAGE_SIZE, NUM_CLASSES, make_network, write_bare
from bench.peers import classify
from bench.photos import PHOTO_SIZE, photo
from bench.serving import check_agreement
from container.data.decode import decode_image
from container.model.artifact import load_artifact, save_artifact
from container.model.preprocess import Preprocess
from container.serving.predictor import most_likely


@pytest.fixture(scope="module")
def model_paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same weights as this project's artifact and as the bare network."""
    folder = tmp_path_factory.mktemp("models")
    network, names = make_network(), [str(index) for index in range(NUM_CLASSES)]
    save_artifact(folder / "model.pt", Preprocess(IMAGE_SIZE), network, names, {"input_size": IMAGE_SIZE})
    write_bare(network, folder / "bare.pt")
    return folder / "model.pt", folder / "bare.pt"


@pytest.fixture
def plain_flask(model_paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The file as a fresh gunicorn worker imports it."""
    monkeypatch.setenv("MODEL_PATH", str(model_paths[1]))
    monkeypatch.delitem(sys.modules, "bench.peers.plain_flask", raising=False)
    yield importlib.import_module("bench.peers.plain_flask")
    del sys.modules["bench.peers.plain_flask"]


def answer_of(plain_flask: ModuleType) -> dict[str, float]:
    answer = plain_flask.app.test_client().post("/invocations", data=photo(0), content_type="image/jpeg").json
    return dict(zip(answer["labels"], answer["probabilities"], strict=True))


def test_the_photo_is_the_same_in_every_run() -> None:
    assert photo(3) == photo(3)
    assert photo(3) != photo(4)
    assert tuple(decode_image(photo(3)).shape) == (3, PHOTO_SIZE[1], PHOTO_SIZE[0])


def test_ping_answers(plain_flask: ModuleType) -> None:
    assert plain_flask.app.test_client().get("/ping").status_code == 200


def test_both_sides_give_a_photo_the_same_labels(plain_flask: ModuleType, model_paths: tuple[Path, Path]) -> None:
    artifact = load_artifact(model_paths[0])
    probabilities = torch.softmax(artifact.logits([decode_image(photo(0))]), dim=1)[0]
    own = most_likely(probabilities, artifact.class_names, top_k=5)
    check_agreement(dict(zip(own.labels, own.probabilities, strict=True)), answer_of(plain_flask), "the plain server")


def test_the_other_peers_answer_what_plain_flask_answers(plain_flask: ModuleType) -> None:
    network = classify.load_network()  # MODEL_PATH is set for both
    prediction, again = classify.answer(network, [classify.to_pixels(photo(0))] * 2)
    assert dict(zip(prediction["labels"], prediction["probabilities"], strict=True)) == pytest.approx(
        answer_of(plain_flask), abs=1e-5
    )
    assert again["labels"] == prediction["labels"]


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (301, 299)])
def test_the_other_peers_prepare_an_image_as_plain_flask_does(plain_flask: ModuleType, size: tuple[int, int]) -> None:
    image = photo(1, size)
    expected = plain_flask.transform(plain_flask.Image.open(plain_flask.io.BytesIO(image)).convert("RGB"))
    torch.testing.assert_close(classify.to_pixels(image), expected)
