"""Small networks with random weights whose activations have the range that a trained network's have."""

import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from container.model.backbone import make_backbone
from container.model.network import Network

SIZE = 64
TRANSFORMER = "small vision transformer"


def make_network(name: str, num_classes: int = 10, head: str = "linear") -> Network:
    """Any torchvision classifier, or a vision transformer of two layers, in eval mode.

    Its running statistics are those of a few images: as they are made, most would answer every image alike.
    """
    torch.manual_seed(3)
    if name == TRANSFORMER:
        transformer = VisionTransformer(
            image_size=SIZE, patch_size=16, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64
        )
        transformer.heads = nn.Identity()
        network = Network(transformer, 32, num_classes, head, "all")
    else:
        network = Network(*make_backbone(name, SIZE, "none"), num_classes, head, "all")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.momentum = None  # a plain mean over the batches below
    network.train()
    with torch.no_grad():
        network(images(16, seed=4))
    return network.eval()


def images(num_images: int, seed: int) -> Tensor:
    """(N, 3, S, S), float32, normalised: noise of many colours."""
    generator = torch.Generator().manual_seed(seed)
    colours = torch.randn(num_images, 3, 1, 1, generator=generator)
    return colours + torch.randn(num_images, 3, SIZE, SIZE, generator=generator)


def relative_difference(answered: Tensor, expected: Tensor) -> float:
    """Root mean square of the difference of logits, over their standard deviation."""
    return float((answered - expected).pow(2).mean().sqrt() / expected.std())
