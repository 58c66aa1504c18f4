import pytest
import torch
from torch import Tensor, nn

from container.errors import ArtifactError
from container.model.artifact import save_artifact
from container.model.precision import variant_path
from container.model.preprocess import Preprocess
from container.serving import load
from container.serving.load import load_predictor
from container.serving.settings import ServeSettings
from container.serving.stopwatch import Stopwatch


class Constant(nn.Module):
    """The same logits for every image."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.register_buffer("logits", torch.tensor([logits]))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.logits.expand(len(pixels), -1) + 0 * pixels.mean()


@pytest.fixture
def model_dir(tmp_path, monkeypatch):
    """A folder with model.pt, which answers `a`, and model-int8.pt, which answers `b`, on a CPU that has VNNI."""
    for precision, logits in (("fp32", [2.0, 0.0]), ("int8", [0.0, 2.0])):
        card = {"input_size": 32, "precision": precision, "measured": {"speed": {"1": 3.0, "8": 2.5}}}
        save_artifact(variant_path(tmp_path, precision), Preprocess(32), Constant(logits), ["a", "b"], card)
    monkeypatch.setattr("container.model.precision.cpu_flags", lambda: frozenset({"avx512_vnni"}))
    return tmp_path


def served(model_dir, precision: str = "auto") -> tuple[str, dict[str, str]]:
    """The label of an image, and the predictor's description."""
    settings = ServeSettings(
        model_dir=model_dir, precision=precision, inferences=1, torch_threads=1, lone_threads=1, decodes=1, batch_size=4
    )
    predictor = load_predictor(settings, "cpu")
    crop = predictor.crop(torch.zeros(3, 50, 40, dtype=torch.uint8))
    index = int(predictor.predict([crop], Stopwatch()).argmax())
    return predictor.class_names[index], predictor.description


def test_the_fastest_form_that_the_cpu_has_arithmetic_for_is_served(model_dir):
    label, description = served(model_dir)
    assert label == "b"
    assert (description["model"], description["precision"], description["device"]) == ("model-int8.pt", "int8", "cpu")
    assert "2.5 times as fast" in description["reason"]


def test_another_precision_can_be_asked_for(model_dir):
    label, description = served(model_dir, "fp32")
    assert (label, description["model"]) == ("a", "model.pt")


def test_a_precision_that_was_not_exported_is_an_error(model_dir):
    with pytest.raises(ArtifactError, match=r"no model-bf16\.pt"):
        served(model_dir, "bf16")


def test_a_damaged_form_that_nobody_asked_for_gives_way_to_model_pt(model_dir, monkeypatch):
    variant_path(model_dir, "int8").write_bytes(b"damaged")
    int8 = load.Variant(variant_path(model_dir, "int8"), "int8", "chosen")
    choose = load.choose_variant
    monkeypatch.setattr(load, "choose_variant", lambda *args: int8 if args[1] == "auto" else choose(*args))
    label, description = served(model_dir)
    assert (label, description["model"], description["precision"]) == ("a", "model.pt", "fp32")
    assert "model-int8.pt cannot be loaded" in description["reason"]


def test_a_damaged_form_that_was_asked_for_is_an_error(model_dir):
    variant_path(model_dir, "int8").write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match=r"model-int8\.pt is not a TorchScript file"):
        served(model_dir, "int8")
