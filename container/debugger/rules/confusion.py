from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.outcomes import LABELS, PREDICTIONS, Matrix, OutcomeRule
from container.debugger.rules.parameters import number, optional, patterns, whole, words
from container.debugger.rules.selection import Moment

LABELS_PER_CLASS = 20  # before training steps are judged; an evaluation is judged when it has ended


class Confusion(OutcomeRule):
    """Every ratio is the share of a label's images, so that each row of the matrix sums to 1.

    The built-in's documentation divides the diagonal by its own sum, which 0.9 of can never be reached by two classes.
    """

    summary = "Looks for classes that are not recognised, or taken for one other class."
    advice = "Look at the images of the two classes for wrong labels, and collect more of them."

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        category_no: object = None,
        labels: object = LABELS,
        predictions: object = PREDICTIONS,
        labels_collection: object = "labels",
        predictions_collection: object = "predictions",
        min_diag: object = 0.9,
        max_off_diag: object = 0.1,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self.category_no = self.parameter("category_no", category_no, optional(whole))
        self._labels = self.select(
            self.parameter("labels_collection", labels_collection, words), self.parameter("labels", labels, patterns)
        )
        self._predictions = self.select(
            self.parameter("predictions_collection", predictions_collection, words),
            self.parameter("predictions", predictions, patterns),
        )
        self.min_diag = self.parameter("min_diag", min_diag, number)
        self.max_off_diag = self.parameter("max_off_diag", max_off_diag, number)
        self._matrices: dict[str, Matrix] = {}
        self._evaluated: Moment | None = None  # the latest step of an evaluation that may go on

    def look(self, moment: Moment) -> None:
        if moment.is_training:
            self.conclude()
        outcomes = None if not self._predictions.of(moment) else self.outcomes(moment, self._labels, self._predictions)
        if outcomes is None:
            return
        matrix = self._matrices.setdefault(moment.mode, Matrix(self.category_no or 0))
        matrix.add(*outcomes)
        if not moment.is_training:
            self._evaluated = moment
        elif matrix.total >= LABELS_PER_CLASS * len(matrix.counts):
            self._judge(moment)
        else:
            self.lack = f"Only {matrix.total} labels of {len(matrix.counts)} classes were saved; save them more often."

    def conclude(self) -> None:
        """Judge the evaluation that has ended."""
        if self._evaluated is not None:
            self._judge(self._evaluated)
            self._evaluated = None

    def _judge(self, moment: Moment) -> None:
        shares = self._matrices.pop(moment.mode).shares()
        if np.isnan(shares).all():
            self.lack = "No class has enough labels among those saved; save them more often."
            return
        self.datapoints += 1
        for label in np.flatnonzero(np.diag(shares) < self.min_diag):
            right = f"{100 * shares[label, label]:.3g} % of the images of class {label} were recognised"
            self.accuse(moment, "", f"{right}; it should be {100 * self.min_diag:g} %.")
        np.fill_diagonal(shares, 0)
        for label, predicted in np.argwhere(shares > self.max_off_diag):
            taken = f"{100 * shares[label, predicted]:.3g} % of the images of class {label} were taken for {predicted}"
            self.accuse(moment, "", f"{taken}; the limit is {100 * self.max_off_diag:g} %.")
