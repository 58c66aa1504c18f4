import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from container.model import packing
from container.model.artifact import save_artifact
from container.model.low_precision import to_bf16
from container.model.packing import pack
from container.model.preprocess import Preprocess
from tests.container.model.lively import SIZE, TRANSFORMER, make_network

PROJECT_DIR = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not packing._is_possible(), reason="weights are packed on x86-64 only")


def frozen(network: nn.Module) -> torch.jit.ScriptModule:
    """As load_artifact makes it."""
    return torch.jit.freeze(torch.jit.script(network.eval()).to(memory_format=torch.channels_last))


def kinds(network: torch.jit.ScriptModule) -> list[str]:
    return [node.kind() for node in network.graph.nodes()]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "mobilenet_v3_small",
        "efficientnet_b0",
        "convnext_tiny",
        "squeezenet1_1",
        "shufflenet_v2_x0_5",
        TRANSFORMER,
    ],
)
def test_a_packed_network_of_any_backbone_answers_alike(name: str, precision: str) -> None:
    network = make_network(name)
    before, after = (frozen(to_bf16(network) if precision == "bf16" else network) for _ in range(2))
    assert pack(after, SIZE) > 0
    for num_images in (1, 3):
        images = torch.randn(num_images, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            expected, answered = before(images), after(images)
        assert (answered - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())


def test_every_convolution_and_matrix_of_a_resnet_is_packed_and_its_old_weights_are_gone() -> None:
    network = frozen(make_network("resnet18"))
    assert pack(network, SIZE) == 21
    assert kinds(network).count("mkldnn::_convolution_pointwise") == 20
    assert not {"aten::conv2d", "aten::linear"} & set(kinds(network))
    constants = [node.output().toIValue() for node in network.graph.findAllNodes("prim::Constant")]
    assert sum(value.numel() for value in constants if isinstance(value, Tensor)) < 20_000  # biases


def test_images_of_another_size_are_answered_too() -> None:
    network = make_network("resnet18")
    packed, images = frozen(network), torch.randn(2, 3, 96, 80)
    pack(packed, SIZE)
    with torch.inference_mode():
        torch.testing.assert_close(packed(images), network(images), atol=1e-4, rtol=1e-4)


class Odd(nn.Module):
    """Layers that cannot be packed, one that can, and a part that runs only sometimes."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(3, 8, 3, padding="same")
        self.plain = nn.Conv2d(8, 8, 3, bias=False)
        self.sometimes = nn.Conv2d(8, 8, 1)
        self.precise = nn.Linear(8, 4).double()

    def forward(self, images: Tensor) -> Tensor:
        maps = self.plain(self.same(images))
        if images.mean() > 0:
            maps = self.sometimes(maps)
        kernels = maps[:1, :, :3, :3]
        return self.precise(F.conv2d(maps, kernels).mean((2, 3)).repeat(1, 8).double())


def test_what_cannot_be_packed_is_left_as_it_is() -> None:
    network = Odd().eval()
    packed = frozen(network)
    assert pack(packed, 16) == 1
    for images in (torch.rand(2, 3, 16, 16), -torch.rand(2, 3, 16, 16)):
        with torch.inference_mode():
            torch.testing.assert_close(packed(images), network(images))


def test_a_layer_whose_weights_have_no_one_best_order_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def reorder(node: torch._C.Node, size: list[int]) -> packing.Reorder:
        weight = packing._constants(node)[0]
        return lambda batch_size: good(node, size)(1) if batch_size == 1 else weight.to_mkldnn()

    good = packing._reorder
    monkeypatch.setattr(packing, "_reorder", reorder)
    network = frozen(make_network("resnet18"))
    assert pack(network, SIZE) < 21
    assert "aten::conv2d" in kinds(network)


@pytest.mark.parametrize("name", ["machine", "operator", "bf16"])
def test_where_this_was_not_measured_nothing_changes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "machine":
        monkeypatch.setattr(packing.platform, "machine", lambda: "aarch64")
    elif name == "operator":
        monkeypatch.setattr(packing, "OPERATORS", (*packing.OPERATORS, "_missing"))
    else:
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False, raising=False)
    network = frozen(to_bf16(make_network("resnet18")).backbone)
    before = str(network.graph)
    assert pack(network, SIZE) == 0
    assert str(network.graph) == before


def test_the_number_of_threads_stays_as_it_was() -> None:
    before = torch.get_num_threads()
    pack(frozen(make_network("squeezenet1_1")), SIZE, threads=(1, 3))
    assert torch.get_num_threads() == before


PROGRAM = """
import os, sys, warnings
warnings.simplefilter("ignore")
import torch
from pathlib import Path
from container.model.artifact import load_artifact
torch.set_num_threads(1)
artifact = load_artifact(Path(sys.argv[1]), threads=(1, 2))
child = os.fork()
torch.set_num_threads(2 if child == 0 else 1)
logits = artifact.logits([torch.full((3, 80, 80), value, dtype=torch.uint8) for value in (10, 200)])
if child == 0:
    torch.save(logits, sys.argv[2])
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert torch.allclose(torch.load(sys.argv[2]), logits, atol=1e-4)
"""


def test_a_process_may_fork_after_packing_for_several_threads_and_use_them(tmp_path: Path) -> None:
    save_artifact(tmp_path / "model.pt", Preprocess(SIZE), make_network("resnet18"), list("abcdefghij"), {})
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "model.pt"), str(tmp_path / "logits")]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
