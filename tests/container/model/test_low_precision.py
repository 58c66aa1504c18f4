import functools
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from container.model.artifact import load_artifact, save_artifact
from container.model.low_precision import LowPrecision, to_bf16, to_int8
from container.model.network import Network
from container.model.preprocess import Preprocess
from tests.container.model.lively import SIZE, TRANSFORMER, images, make_network, relative_difference

PROJECT_DIR = Path(__file__).parents[3]

# The largest difference of logits from fp32's, over their deviation: bf16 keeps 8 bits of each number, int8 has 7 for
# a whole layer's activations. Random weights exaggerate it where narrow layers follow each other, as in MobileNet.
TOLERANCES = {
    "resnet18": (0.06, 0.25),
    "squeezenet1_1": (0.02, 0.06),
    "convnext_tiny": (0.02, 0.12),
    "mobilenet_v3_small": (0.2, 0.6),
    TRANSFORMER: (0.03, 0.5),
}
DEEP_AND_NARROW = ("efficientnet_b0", "shufflenet_v2_x0_5")  # with random weights they say nothing of accuracy


@functools.cache
def converted(name: str, precision: str) -> LowPrecision:
    """Read only: tests share it."""
    return convert(make_network(name), precision)


def convert(network: Network, precision: str) -> LowPrecision:
    return to_bf16(network) if precision == "bf16" else to_int8(network, (images(8, seed) for seed in range(3)))


@pytest.mark.parametrize("precision", ["bf16", "int8"])
@pytest.mark.parametrize("name", TOLERANCES)
def test_with_fewer_bits_a_network_answers_nearly_alike(name: str, precision: str) -> None:
    network, pictures = make_network(name), images(16, seed=9)
    with torch.inference_mode():
        expected, answered = network(pictures), converted(name, precision)(pictures)
    assert answered.dtype == torch.float32
    assert expected.std(0).mean() > 0.1  # the answers depend on the images
    assert 1e-4 < relative_difference(answered, expected) <= TOLERANCES[name][precision == "int8"]


def pictures() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(0, 256, (3, 70, 90 + 9 * n), dtype=torch.uint8, generator=generator) for n in range(4)]


PROGRAM = """
import sys, torch
from pathlib import Path
from container.model.artifact import load_artifact
artifact = load_artifact(Path(sys.argv[1]))
torch.save(artifact.logits(torch.load(sys.argv[2])), sys.argv[3])
"""


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_an_artifact_answers_in_a_new_process_as_the_network_did_before_it_was_saved(
    tmp_path: Path, precision: str
) -> None:
    network, preprocess = convert(make_network("resnet18", head="seed"), precision), Preprocess(SIZE)
    with torch.inference_mode():
        expected = network(preprocess(pictures()))
    save_artifact(tmp_path / "model.pt", preprocess, network, list("abcdefghij"), {"precision": precision})

    torch.save(pictures(), tmp_path / "pictures")
    arguments = [str(tmp_path / name) for name in ("model.pt", "pictures", "logits")]
    command = [sys.executable, "-W", "error", "-c", PROGRAM, *arguments]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")  # nor does PyTorch print that it deprecates what it loads

    answered = torch.load(tmp_path / "logits")
    artifact = load_artifact(tmp_path / "model.pt")
    assert artifact.precision == precision
    torch.testing.assert_close(answered, artifact.logits(pictures()), atol=1e-5, rtol=0)
    # Folding batch normalisation into the convolutions rounds bfloat16 weights otherwise.
    assert relative_difference(answered, expected) <= (0.06 if precision == "bf16" else 1e-4)


@pytest.mark.parametrize("name", [*TOLERANCES, *DEEP_AND_NARROW])
@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_any_network_becomes_an_artifact(tmp_path: Path, name: str, precision: str) -> None:
    network = converted(name, precision)
    with torch.inference_mode():
        expected = network(Preprocess(SIZE)(pictures()))
    save_artifact(tmp_path / "model.pt", Preprocess(SIZE), network, list("abcdefghij"), {})
    answered = load_artifact(tmp_path / "model.pt").logits(pictures())
    assert answered.shape == (4, 10)
    assert relative_difference(answered, expected) <= (0.5 if name in DEEP_AND_NARROW else 0.2)


@pytest.mark.parametrize(("precision", "share"), [("bf16", 0.5), ("int8", 0.25)])
def test_fewer_bits_make_a_smaller_file(tmp_path: Path, precision: str, share: float) -> None:
    network = make_network("resnet18")
    sizes = {}
    for name, made in (("fp32", network), (precision, converted("resnet18", precision))):
        save_artifact(tmp_path / name, Preprocess(SIZE), made, [], {})
        sizes[name] = (tmp_path / name).stat().st_size
    assert sizes[precision] / sizes["fp32"] == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_the_network_that_was_trained_stays_as_it_was(precision: str) -> None:
    network = make_network("squeezenet1_1").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    convert(network, precision)
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_in_bf16_the_head_and_batch_normalisation_stay_float32() -> None:
    network = to_bf16(make_network("resnet18", head="seed"))
    kept = [module for module in network.backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(kept) == 20
    tensors = [tensor for module in (*kept, network.head) for tensor in module.state_dict().values()]
    assert {tensor.dtype for tensor in tensors if tensor.is_floating_point()} == {torch.float32}
    weights = [module.weight for module in network.backbone.modules() if isinstance(module, nn.Conv2d)]
    assert {weight.dtype for weight in weights} == {torch.bfloat16}


def test_batch_normalisation_is_that_of_the_network_to_the_bit() -> None:
    network = make_network("resnet18")
    before = dict(network.backbone.named_modules())
    for name, module in to_bf16(network).backbone.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert torch.equal(module.running_mean, before[name].running_mean)
            assert torch.equal(module.weight, before[name].weight)
