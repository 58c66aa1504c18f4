import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from container.errors import ArtifactError
from container.model import quantize as quantize_module
from container.model.quantize import choose_engine, quantize
from tests.container.model.lively import images, make_network, relative_difference

PROJECT_DIR = Path(__file__).parents[3]


def calibration() -> Iterator[Tensor]:
    return (images(8, seed) for seed in range(3))


def test_a_quantised_network_takes_and_returns_float32_and_holds_int8() -> None:
    backbone = make_network("squeezenet1_1").backbone
    quantised = quantize(backbone, calibration())
    features = quantised(images(2, seed=9))
    assert features.dtype == torch.float32
    assert features.shape == (2, 512)
    weights = [module.weight() for module in quantised.modules() if callable(getattr(module, "weight", None))]
    assert len(weights) == 25
    assert {weight.dtype for weight in weights} == {torch.qint8}


def test_images_unlike_those_of_the_calibration_are_answered_worse() -> None:
    backbone, pictures = make_network("resnet18").backbone, images(8, seed=9)
    dark = [images(8, seed) * 0.01 for seed in range(3)]
    with torch.inference_mode():
        expected = backbone(pictures)
        good, bad = (
            relative_difference(quantize(backbone, batches)(pictures), expected) for batches in (calibration(), dark)
        )
    assert good < 0.3
    assert bad > 2 * good


class Undecided(nn.Module):
    """A way through it that depends on the images, which cannot be traced."""

    def forward(self, images: Tensor) -> Tensor:
        return images if images.mean() > 0 else -images


def test_a_network_that_cannot_be_converted_is_named_with_one_line_of_reason() -> None:
    with pytest.raises(ArtifactError, match="cannot be converted to int8: symbolically traced") as caught:
        quantize(Undecided(), calibration())
    assert "\n" not in str(caught.value)


def test_a_network_that_fails_on_the_images_is_no_defect_of_ours() -> None:
    with pytest.raises(ArtifactError, match="the network cannot be converted to int8: mat1 and mat2"):
        quantize(nn.Sequential(nn.Flatten(), nn.Linear(7, 2)), calibration())


def test_an_error_without_words_is_named_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise NotImplementedError

    with pytest.raises(ArtifactError, match="cannot be converted to int8: NotImplementedError"):
        quantize(Silent(), calibration())


@pytest.mark.parametrize("error", [OSError("gone"), KeyboardInterrupt(), ValueError("of the reader")])
def test_what_reading_the_images_raises_stays_what_it_is(error: BaseException) -> None:
    def read() -> Iterator[Tensor]:
        yield images(2, seed=0)
        raise error

    with pytest.raises(type(error)) as caught:
        quantize(make_network("squeezenet1_1").backbone, read())
    assert caught.value is error


def test_the_engine_is_the_one_for_x86_or_else_the_platforms_own() -> None:
    assert choose_engine(["qnnpack", "onednn", "x86", "fbgemm"], "fbgemm") == "x86"
    assert choose_engine(["qnnpack", "onednn"], "onednn") == "onednn"  # as PyTorch has it on ARM


@pytest.mark.parametrize(("supported", "current"), [([], "none"), (["none"], "none"), (["qnnpack"], "fbgemm")])
def test_a_processor_without_int8_arithmetic_is_a_reason_and_no_crash(supported: list[str], current: str) -> None:
    with pytest.raises(ArtifactError, match="PyTorch has no int8 arithmetic for this processor"):
        choose_engine(supported, current)


@pytest.mark.skipif("qnnpack" not in torch.backends.quantized.supported_engines, reason="PyTorch built without qnnpack")
def test_the_engine_of_arm_gives_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize_module, "ENGINE", "missing")
    monkeypatch.setattr(torch.backends.quantized, "engine", "qnnpack")
    backbone, pictures = make_network("squeezenet1_1").backbone, images(4, seed=9)
    with torch.inference_mode():
        assert relative_difference(quantize(backbone, calibration())(pictures), backbone(pictures)) < 0.1


PROGRAM = """
import torch
from container.model.quantize import quantize
network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())
print(quantize(network, [torch.rand(1, 3, 8, 8)])(torch.rand(1, 3, 8, 8)).shape)
"""


def test_nothing_is_printed_of_what_pytorch_deprecates() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=100, check=False)
    assert (done.stdout, done.stderr) == ("torch.Size([1, 4, 6, 6])\n", "")
