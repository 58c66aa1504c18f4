"""The same weights for all servers, and in fewer bits for this project's.

    python -m bench.models BASE_DIR FILE

writes them, and prints as JSON which of its forms this project's server takes by itself, and how near its answers are.
A process of its own does this, and counts operations: if the benchmark itself had loaded torch, the servers would share
its pages and so seem smaller than they are.
"""

import json
import platform
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import BenchError
from bench.photos import photo
from container.data.decode import decode_image
from container.model.artifact import Artifact, load_artifact, save_artifact
from container.model.backbone import make_backbone
from container.model.low_precision import to_bf16, to_int8
from container.model.network import Network
from container.model.precision import choose_variant, variant_path
from container.model.preprocess import Preprocess
from container.training.variant_trial import measure_speed
from container.training.variants import SMALLEST_SPEED

NUM_CLASSES = 133  # of dogImages
IMAGE_SIZE = 224
STATISTICS_SEEDS = range(100, 116)  # of photos for the running statistics, and for the ranges of int8
COMPARED_SEEDS = range(200, 216)
LEAST_SIMILARITY = 0.99  # cosine of an image's logits, less their mean, and those in fp32; int8: 0.998, bf16: 0.9999


def make_network(seed: int = 0) -> Network:
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
        network(Preprocess(IMAGE_SIZE)(decoded(STATISTICS_SEEDS)))
    return network.eval()


def decoded(seeds: range) -> list[Tensor]:
    """A photo for each seed, uint8 (3, H, W)."""
    return [decode_image(photo(seed)) for seed in seeds]


def write_bare(network: Network, path: Path) -> None:
    """The network alone as TorchScript, as a peer is handed it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # TorchScript's deprecation
        torch.jit.save(torch.jit.script(network), str(path))


def write_artifacts(network: Network, model_dir: Path) -> dict[str, Any]:
    """Write model.pt and the faster ones of model-bf16.pt and model-int8.pt, as training exports them.

    Returns which of them a server takes by itself, and the least similarity of its logits with those in fp32.
    Raises BenchError where a form answers otherwise than fp32.
    """
    model_dir.mkdir(parents=True, exist_ok=True)
    preprocess = Preprocess(IMAGE_SIZE)
    pixels = preprocess(decoded(STATISTICS_SEEDS))
    networks = {"fp32": network, "bf16": to_bf16(network), "int8": to_int8(network, pixels.split(8))}
    paths = {precision: variant_path(model_dir, precision) for precision in networks}

    def save(precision: str, card: dict[str, Any]) -> None:
        names = [str(index) for index in range(NUM_CLASSES)]
        card |= {"purpose": "bench", "input_size": IMAGE_SIZE, "precision": precision}
        save_artifact(paths[precision], preprocess, networks[precision], names, card)

    for precision in networks:
        save(precision, {})
    artifacts = {precision: load_artifact(path) for precision, path in paths.items()}
    similarities = {precision: similarity(artifacts["fp32"], artifact) for precision, artifact in artifacts.items()}
    check_similarities(similarities)
    for precision, speed in measure_speed(artifacts, IMAGE_SIZE, lambda: True).items():
        if min(speed.values()) >= SMALLEST_SPEED:
            save(precision, {"measured": {"architecture": platform.machine(), "speed": speed}})
        else:
            paths[precision].unlink()
    chosen = choose_variant(model_dir, "auto", "cpu")
    return {"precision": chosen.precision, "reason": chosen.reason, "similarity": similarities[chosen.precision]}


def similarity(reference: Artifact, artifact: Artifact) -> float:
    """The least cosine, over a few photos, of two artifacts' logits, less their mean."""
    images = decoded(COMPARED_SEEDS)
    left, right = reference.logits(images), artifact.logits(images)  # (N, K)
    left, right = left - left.mean(1, keepdim=True), right - right.mean(1, keepdim=True)
    return round(float(torch.cosine_similarity(left, right).min()), 5)


def check_similarities(similarities: dict[str, float]) -> None:
    """Raise BenchError unless each precision answers as fp32 does."""
    for precision, value in similarities.items():
        if value < LEAST_SIMILARITY:
            raise BenchError(
                f"The {precision} form of the model answers otherwise than fp32 (similarity {value}, at least "
                f"{LEAST_SIMILARITY} is needed); its speed would mean nothing."
            )


if __name__ == "__main__":
    base_dir, bare_path = map(Path, sys.argv[1:])
    made = make_network()
    write_bare(made, bare_path)
    print(json.dumps(write_artifacts(made, base_dir / "model")))
