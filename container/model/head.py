"""Features -> logits."""

from torch import nn


def make_head(name: str, num_features: int, num_classes: int) -> nn.Sequential:
    """Features (N, D) -> logits (N, K). Source of `seed`: the original project's fine-tuned ResNet-18."""
    linear = nn.Linear(num_features, num_classes)
    if name == "linear":
        return nn.Sequential(linear)
    assert name == "seed", name
    return nn.Sequential(linear, nn.Dropout(0.5), nn.BatchNorm1d(num_classes))
