from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.outcomes import LABELS, PREDICTIONS, Matrix, OutcomeRule
from container.debugger.rules.parameters import flag, number, optional, patterns, whole
from container.debugger.rules.selection import Moment

# With fewer labels a class than this, chance alone makes one of a hundred classes ten times as frequent as another.
LABELS_PER_CLASS = 20


class ClassImbalance(OutcomeRule):
    """Judges every `samples` labels anew."""

    summary = "Looks for classes that are much rarer than others, or nearly always mistaken."
    advice = "Collect more images of the rare classes, sample them more often, or weight the loss by class."

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        threshold_imbalance: object = 10,
        threshold_misprediction: object = 0.7,
        samples: object = 500,
        argmax: object = None,
        labels_regex: object = LABELS,
        predictions_regex: object = PREDICTIONS,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self.threshold_imbalance = self.parameter("threshold_imbalance", threshold_imbalance, number)
        self.threshold_misprediction = self.parameter("threshold_misprediction", threshold_misprediction, number)
        self.samples = self.parameter("samples", samples, whole)
        # The built-in's default is False, with which logits cannot be judged; unset, ours goes by their shape.
        self.argmax = self.parameter("argmax", argmax, optional(flag))
        self._labels = self.select([], self.parameter("labels_regex", labels_regex, patterns))
        self._predictions = self.select([], self.parameter("predictions_regex", predictions_regex, patterns))
        self._matrices: dict[str, Matrix] = {}

    def look(self, moment: Moment) -> None:
        outcomes = self.outcomes(moment, self._labels, self._predictions, self.argmax)
        if outcomes is None:
            return
        matrix = self._matrices.setdefault(moment.mode, Matrix())
        matrix.add(*outcomes)
        needed = max(self.samples, LABELS_PER_CLASS * int((matrix.label_counts > 0).sum()))
        if matrix.total < needed:
            most = max(waiting.total for waiting in self._matrices.values())
            self.lack = f"Only {most} labels were saved, and the rule needs {needed}; save them more often."
            return
        del self._matrices[moment.mode]
        self.datapoints += 1
        if moment.is_training:  # images are often evaluated class by class
            self._judge_frequencies(moment, matrix)
        self._judge_mistakes(moment, matrix)

    def _judge_frequencies(self, moment: Moment, matrix: Matrix) -> None:
        counts = matrix.label_counts
        rarest, commonest = int(np.argmin(np.where(counts > 0, counts, counts.max()))), int(np.argmax(counts))
        ratio = counts[commonest] / counts[rarest]
        if ratio > self.threshold_imbalance:
            name = self._labels.of(moment)[0]
            compared = f"Class {commonest} has {counts[commonest]} labels and class {rarest} has {counts[rarest]}"
            self.accuse(moment, name, f"{compared}: {ratio:.3g} times; the limit is {self.threshold_imbalance:g}.")

    def _judge_mistakes(self, moment: Moment, matrix: Matrix) -> None:
        mistakes = 1 - np.diag(matrix.shares())
        for label in np.flatnonzero(mistakes > self.threshold_misprediction):
            share = f"{100 * mistakes[label]:.3g} % of the images of class {label} were mistaken"
            limit = f"the limit is {100 * self.threshold_misprediction:g} %"
            self.accuse(moment, self._labels.of(moment)[0], f"{share} in {moment.mode} steps; {limit}.")
