import struct

import pytest

from container.errors import ArtifactError, RequestError
from container.model.artifact import load_artifact
from container.serving.predictor import Layout, Predictor
from container.serving.readiness import Readiness
from tests.container.serving.conftest import MeanColour, save_colour_model


def refusal_of(readiness: Readiness) -> tuple[int, str, str]:
    with pytest.raises(RequestError) as refusal:
        readiness.predictor()
    return refusal.value.status, refusal.value.code, str(refusal.value)


def test_there_is_no_predictor_before_the_warm_up(predictor):
    assert refusal_of(Readiness(lambda: predictor))[:2] == (503, "warming_up")


def test_the_predictor_is_there_after_the_warm_up(predictor):
    readiness = Readiness(lambda: predictor)
    assert readiness.warm_up()
    assert readiness.predictor() is predictor


def test_a_failed_warm_up_leaves_its_reason(tmp_path):
    path = save_colour_model(tmp_path / "model", MeanColour(), ["only one class"])
    readiness = Readiness(lambda: Predictor(load_artifact(path), Layout(), timeout_seconds=30))
    assert not readiness.warm_up()
    status, code, reason = refusal_of(readiness)
    assert (status, code) == (503, "model_unavailable")
    assert "class name" in reason


@pytest.mark.parametrize("error", [ArtifactError("No model at /x."), OSError("the disk is gone"), ValueError()])
def test_an_artifact_that_cannot_be_loaded_leaves_its_reason(error):
    def load() -> Predictor:
        raise error

    readiness = Readiness(load)
    assert not readiness.warm_up()
    assert refusal_of(readiness) == (503, "model_unavailable", str(error) or "ValueError")


def test_a_model_with_a_damaged_weight_is_named_in_the_reason(tmp_path):
    path = save_colour_model(tmp_path / "model", MeanColour(), ["red", "green", "blue"])
    content = bytearray(path.read_bytes())
    content[content.index(struct.pack("<f", 0.485 * 255))] ^= 1  # of the mean that images are normalised with
    path.write_bytes(content)
    readiness = Readiness(lambda: Predictor(load_artifact(path), Layout(), timeout_seconds=30))
    readiness.load()
    status, code, reason = refusal_of(readiness)
    assert (status, code) == (503, "model_unavailable")
    assert f"{path} is damaged" in reason


@pytest.mark.parametrize("content", [None, b"", b"this is no model"], ids=["missing", "empty", "broken"])
def test_a_bad_artifact_file_is_named_in_the_reason(tmp_path, content):
    path = tmp_path / "model.pt"
    if content is not None:
        path.write_bytes(content)
    readiness = Readiness(lambda: Predictor(load_artifact(path), Layout(), timeout_seconds=30))
    readiness.load()
    assert str(path) in refusal_of(readiness)[2]
