"""The same weights for both servers.

    python -m bench.models BASE_DIR FILE

writes them. A process of its own does this, and counts operations: if the benchmark itself had loaded torch, the
servers would share its pages and so seem smaller than they are.
"""

import sys
import warnings
from pathlib import Path

import torch
from torch import nn

from bench.photos import photo
from container import contract
from container.data.decode import decode_image
from container.model.artifact import save_artifact
from container.model.backbone import make_backbone
from container.model.network import Network
from container.model.preprocess import Preprocess

NUM_CLASSES = 133  # of dogImages
IMAGE_SIZE = 224


def make_network(seed: int = 0) -> nn.Module:
    """ResNet-18 with one linear layer for 133 classes, random weights, in eval mode.

    Its running statistics are those of a few photos, so that activations have the range that a trained network's have.
    """
    torch.manual_seed(seed)
    backbone, num_features = make_backbone("resnet18", IMAGE_SIZE, "none")
    network = Network(backbone, num_features, NUM_CLASSES, head="linear", fine_tune="all")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain mean over the batches below
    network.train()
    with torch.no_grad():
        network(Preprocess(IMAGE_SIZE)([decode_image(photo(seed)) for seed in range(100, 116)]))
    return network.eval()


def write_models(base_dir: Path, bare_path: Path) -> None:
    """Write the same weights twice: as model.pt in the base folder of our server, and as the plain one's file."""
    network = make_network()
    (base_dir / "model").mkdir(parents=True, exist_ok=True)
    names = [str(index) for index in range(NUM_CLASSES)]
    save_artifact(
        base_dir / "model" / contract.MODEL_FILE, Preprocess(IMAGE_SIZE), network, names, {"purpose": "bench"}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # TorchScript's deprecation
        torch.jit.save(torch.jit.script(network), str(bare_path))


if __name__ == "__main__":
    write_models(Path(sys.argv[1]), Path(sys.argv[2]))
