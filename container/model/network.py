"""Backbone and head as one network, in which what is frozen stays frozen."""

import torch
from torch import Tensor, nn

from container.model.backbone import freeze
from container.model.head import make_head


class Network(nn.Module):
    """Images -> logits. With fine_tune=head the backbone runs without gradients, which then never exist."""

    def __init__(self, backbone: nn.Module, num_features: int, num_classes: int, head: str, fine_tune: str) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = make_head(head, num_features, num_classes)
        self.backbone_is_frozen = fine_tune == "head"
        self._kept_in_eval = freeze(backbone, fine_tune)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, K) for images (N, 3, S, S), float, normalised as preprocess.py does."""
        if self.backbone_is_frozen:
            with torch.no_grad():
                features = self.backbone(images)  # (N, D)
        else:
            features = self.backbone(images)  # (N, D)
        return self.head(features)  # (N, K)

    @torch.jit.ignore  # type: ignore[untyped-decorator]
    def train(self, mode: bool = True) -> "Network":
        """Training mode for what is trained; frozen modules keep their running statistics and drop nothing."""
        super().train(mode)
        for module in self._kept_in_eval:
            module.eval()
        return self


class OnFeatures(nn.Module):
    """Features -> logits: the head of a network whose backbone has done its part before. They share the head."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.head = network.head

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, K) for features (N, D)."""
        return self.head(features)

    def _get_name(self) -> str:
        return Network.__name__  # the head's tensors are saved under one name, wherever its features come from
