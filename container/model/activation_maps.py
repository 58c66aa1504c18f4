"""What each place of an image adds to a class's logit: exact where the network ends in a mean and an affine head.

Such a network's logits are the head of the mean over all places of the last feature map, and so the mean over all
places of the head of each. That head at each place is the class activation map. Source: Zhou et al., "Learning Deep
Features for Discriminative Localization", 2016.
"""

from pathlib import Path

import torch
from torch import Tensor

from container.errors import ArtifactError
from container.model.artifact import freeze_network, read_module
from container.model.packing import Graph, Node, run_graph

POOLING = ("aten::adaptive_avg_pool2d", "aten::mean")
LARGEST_DIFFERENCE = 1e-3  # between a map's mean and its logit, of the largest logit; rounding makes about 1e-6


class ActivationMaps:
    """The maps of an artifact, model.pt, which is loaded once more for them, in float32 and on the CPU.

    Raises ArtifactError if it cannot be loaded, or if its network is of another kind.
    """

    def __init__(self, path: Path) -> None:
        self._module = read_module(path, "cpu")[0]
        self._graph: Graph = freeze_network(self._module).graph
        pooling = [node for node in self._graph.nodes() if node.kind() in POOLING]
        self._pooling: list[Node] = pooling[-1:]
        size = self._module.preprocess.image_size
        image = torch.arange(3 * size**2).remainder(251).to(torch.uint8).view(1, 3, size, size)
        if not self._pooling or not self._is_exact(image):
            raise ArtifactError(
                f"{path} has no exact activation maps: its network does not end in a mean over places and an affine "
                "head, as ResNet, RegNet, DenseNet, EfficientNet and ShuffleNet do."
            )

    def __call__(self, crops: Tensor) -> Tensor:
        """Maps (N, K, h, w), float32, of crops, uint8 (N, 3, S, S): their means over (h, w) are the logits."""
        return self._run(crops)[0]

    def _run(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, K, h, w) and logits (N, K)."""
        with torch.inference_mode():
            pixels = self._module.preprocess.normalize(crops)
            features, logits = run_graph(self._graph, self._pooling, pixels)  # (N, D, h, w)
            num_images, depth, height, width = features.shape
            places = features.permute(0, 2, 3, 1).reshape(-1, depth)
            maps = self._module.network.head(places).view(num_images, height, width, -1)
        return maps.permute(0, 3, 1, 2), logits

    def _is_exact(self, crops: Tensor) -> bool:
        try:
            maps, logits = self._run(crops)
        except (RuntimeError, ValueError):  # its head takes other features than those of the map
            return False
        difference = (maps.mean(dim=(2, 3)) - logits).abs().max()
        return bool(difference <= LARGEST_DIFFERENCE * logits.abs().max())
