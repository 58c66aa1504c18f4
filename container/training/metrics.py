"""Sums over examples that add up across batches and processes, and the numbers read from them."""

from dataclasses import dataclass

import torch
from torch import Tensor

TOP_K = 5


@dataclass
class Tally:
    """Weighted loss, hits and a confusion matrix over the examples seen so far. float64 on the CPU throughout."""

    loss_sum: float
    weight_sum: float
    num_top_k: int  # examples whose label is among the k most likely
    confusion: Tensor  # (K, K), int64: [true, predicted]

    @classmethod
    def empty(cls, num_classes: int) -> "Tally":
        return cls(0.0, 0.0, 0, torch.zeros(num_classes, num_classes, dtype=torch.int64))

    def add(self, loss_sum: float, weight_sum: float, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: logits (N, K), labels (N,), on any device."""
        self.loss_sum += loss_sum
        self.weight_sum += weight_sum
        num_classes = self.confusion.shape[0]
        ranked = logits.topk(min(TOP_K, num_classes), dim=1).indices  # (N, k)
        self.num_top_k += int((ranked == labels.unsqueeze(1)).any(dim=1).sum())
        cells = (labels * num_classes + ranked[:, 0]).cpu()
        self.confusion += torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)

    def to_tensor(self) -> Tensor:
        """Everything in one float64 vector, exact up to 2**53 examples: for sums over processes and checkpoints."""
        head = torch.tensor([self.loss_sum, self.weight_sum, self.num_top_k], dtype=torch.float64)
        return torch.cat([head, self.confusion.flatten().double()])

    @classmethod
    def from_tensor(cls, values: Tensor) -> "Tally":
        side = round((len(values) - 3) ** 0.5)
        loss_sum, weight_sum, num_top_k = values[:3].tolist()
        return cls(loss_sum, weight_sum, int(num_top_k), values[3:].long().view(side, side))

    @property
    def num_examples(self) -> int:
        return int(self.confusion.sum())

    @property
    def loss(self) -> float:
        return self.loss_sum / max(self.weight_sum, 1e-12)

    @property
    def accuracy(self) -> float:
        return int(self.confusion.trace()) / max(self.num_examples, 1)

    @property
    def top_k_accuracy(self) -> float:
        return self.num_top_k / max(self.num_examples, 1)

    def summary(self) -> dict[str, float]:
        return {"loss": self.loss, "accuracy": self.accuracy, "top5_accuracy": self.top_k_accuracy}

    def per_class(self) -> list[dict[str, float]]:
        """Support, precision, recall and F1 of each class, in class order; 0 where nothing was predicted or present."""
        hits = self.confusion.diagonal().double()
        support, predicted = self.confusion.sum(1).double(), self.confusion.sum(0).double()
        precision, recall = hits / predicted.clamp(min=1), hits / support.clamp(min=1)
        f1 = 2 * precision * recall / (precision + recall).clamp(min=1e-12)
        return [
            {"support": int(s), "precision": float(p), "recall": float(r), "f1": float(f)}
            for s, p, r, f in zip(support, precision, recall, f1, strict=True)
        ]
