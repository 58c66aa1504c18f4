"""Labels and predictions of a step, counted: for rules about the classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.selection import Moment, Selection

# The built-ins' names, and those under which smdebug finds both in PyTorch: the inputs of the loss.
LABELS, PREDICTIONS = ".*labels|CrossEntropyLoss_input_1", ".*predictions|CrossEntropyLoss_input_0"
MOST_CLASSES = 20000  # a number beyond this is no class
LEAST_ROW = 10  # a class with fewer labels than this says nothing about how it is predicted


class Matrix:
    """How often each label (row) was predicted as each class (column); it grows as classes turn up."""

    def __init__(self, num_classes: int = 0) -> None:
        self.counts: Any = np.zeros((num_classes, num_classes), np.int64)

    def add(self, labels: Any, predicted: Any) -> None:
        needed = 1 + int(max(labels.max(), predicted.max()))
        missing = max(0, needed - len(self.counts))
        self.counts = np.pad(self.counts, (0, missing), "constant")
        np.add.at(self.counts, (labels, predicted), 1)

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def label_counts(self) -> Any:
        return self.counts.sum(axis=1)

    def shares(self) -> Any:
        """Each row as shares of its sum; NaN where a class has too few labels."""
        rows = self.counts.sum(axis=1, keepdims=True)
        return np.where(rows >= LEAST_ROW, self.counts / np.maximum(rows, 1), np.nan)


class OutcomeRule(TensorRule):
    collections = (("labels", "CrossEntropyLoss_input_1"), ("predictions", "CrossEntropyLoss_input_0"))

    def outcomes(
        self, moment: Moment, labels: Selection, predictions: Selection, argmax: bool | None = None
    ) -> tuple[Any, Any] | None:
        """Labels and predicted classes (n,); the labels twice where no predictions were saved, None without labels.

        `argmax` says whether predictions are a number for each class; None: if they have two dimensions.
        """
        true = self._classes(moment, labels, None)
        if true is None:
            return None
        predicted = self._classes(moment, predictions, argmax)
        if predicted is None:
            predicted = true
        if len(true) != len(predicted) or predicted.min() < 0 or max(true.max(), predicted.max()) >= MOST_CLASSES:
            return None
        known = true >= 0  # negative labels are those that the loss ignores
        return (true[known], predicted[known]) if known.any() else None

    def _classes(self, moment: Moment, selection: Selection, argmax: bool | None) -> Any:
        names = selection.of(moment)
        value = self.value(names[0], moment) if names else None
        if value is None:
            return None
        if argmax or (argmax is None and value.ndim == 2 and value.shape[1] > 1):
            return value.argmax(axis=-1).reshape(-1)
        return np.round(value).reshape(-1).astype(np.int64)
