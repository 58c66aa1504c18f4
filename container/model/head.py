"""Features -> logits."""

from torch import Tensor, nn


class Temperature(nn.Module):
    """Logits -> logits divided by one number: the order of the classes stays, their probabilities come nearer or part.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature  # a plain number: the weights' names in checkpoints stay what they are

    def forward(self, logits: Tensor) -> Tensor:
        """(N, K) -> (N, K)."""
        return logits / self.temperature


def make_head(name: str, num_features: int, num_classes: int) -> nn.Sequential:
    """Features (N, D) -> logits (N, K). Source of `seed`: the original project's fine-tuned ResNet-18."""
    linear = nn.Linear(num_features, num_classes)
    if name == "linear":
        return nn.Sequential(linear)
    assert name == "seed", name
    return nn.Sequential(linear, nn.Dropout(0.5), nn.BatchNorm1d(num_classes))


def with_temperature(head: nn.Sequential, temperature: float) -> nn.Sequential:
    """The same layers, and at their end the temperature, in place of one that is there; 1 is none.

    In the head, every form of the network that is exported has it, and activation maps, which are the head at each
    place, still sum to the logits.
    """
    layers = [layer for layer in head if not isinstance(layer, Temperature)]
    return nn.Sequential(*layers, *([Temperature(temperature)] if temperature != 1 else []))
