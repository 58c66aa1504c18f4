"""The weights that every training loop starts from, so that all do the same work.

    python -m bench.weights FILE NUM_CLASSES

writes the state_dict of torchvision's ResNet-18, whose names all peers know. The weights are random; the running
statistics are those of a few photos, so that a frozen backbone gives features of a trained one's range.
"""

import sys
from pathlib import Path

import torch
from torch import nn
from torchvision import models

from bench.photos import photo
from container.data.decode import decode_image
from container.model.preprocess import Preprocess

IMAGE_SIZE = 224
SEED = 0
NUM_PHOTOS = 16


def make_weights(num_classes: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(SEED)
    network = models.resnet18(weights=None, num_classes=num_classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain mean over the one batch below
    with torch.no_grad():
        network(Preprocess(IMAGE_SIZE)([decode_image(photo(seed)) for seed in range(NUM_PHOTOS)]))
    state: dict[str, torch.Tensor] = network.state_dict()
    return state


if __name__ == "__main__":
    torch.save(make_weights(int(sys.argv[2])), Path(sys.argv[1]))
