"""Cached features -> batches, in the place of a loader of images."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler

from container.data.dataset import Batch

View = Callable[[int], Tensor]  # number of the view -> features (N, D) of the whole channel


class FeatureLoader:
    """Batches whose `images` are features (n, D), float32, as the sampler's (view, index) pairs have them."""

    num_workers = 0

    def __init__(self, view: View, labels: Tensor, sampler: Sampler[Any]) -> None:
        self.view = view
        self.labels = labels
        self.sampler = sampler

    def __iter__(self) -> Iterator[Batch]:
        for keys in self.sampler:
            indices = torch.tensor([index for _, index in keys])
            features = self.view(keys[0][0])[indices].float()  # (n, D)
            yield Batch(features, self.labels[indices], indices)

    def __len__(self) -> int:
        return len(self.sampler)  # type: ignore[arg-type]
