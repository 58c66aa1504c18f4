"""Trained network -> one that answers alike with fewer bits: bf16 or int8."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from container.model.network import Network
from container.model.quantize import quantize


class LowPrecision(nn.Module):
    """A backbone of fewer bits under the trained head, which stays float32: it costs nothing, and labels hang on it."""

    def __init__(self, backbone: nn.Module, head: nn.Module, images: torch.dtype) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.dtype = images

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, K), float32, for images (N, 3, S, S), float32, normalised as preprocess.py does."""
        features = self.backbone(images.to(self.dtype))  # (N, D)
        return self.head(features.float())  # (N, K)


def to_bf16(network: Network) -> LowPrecision:
    """A copy whose backbone's weights and activations are bfloat16."""
    backbone = copy.deepcopy(network.backbone).eval().to(torch.bfloat16)
    originals = dict(network.backbone.named_modules())
    for name, module in backbone.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            # Stays float32: the loader folds it into the convolution before it, which is rounded once, not twice.
            module.float().load_state_dict(originals[name].state_dict())
    return LowPrecision(backbone, copy.deepcopy(network.head).eval(), torch.bfloat16)


def to_int8(network: Network, batches: Iterable[Tensor]) -> LowPrecision:
    """A copy whose backbone is quantised, its ranges measured on batches of images (n, 3, S, S), float32, normalised.

    Raises ArtifactError, with the reason, where that is not possible.
    """
    return LowPrecision(quantize(network.backbone, batches), copy.deepcopy(network.head).eval(), torch.float32)
