from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.loss_rule import LossRule
from container.debugger.rules.parameters import number, patterns, whole
from container.debugger.rules.selection import Moment


class Overfit(LossRule):
    """Each evaluation is compared with the training steps since the one before; `patience` counts evaluations."""

    summary = "Looks for a validation loss far above the training loss."
    advice = "Use more images or more augmentation, add dropout or weight decay, train fewer layers, or stop earlier."

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        tensor_regex: object = None,
        start_step: object = 0,
        patience: object = 1,
        ratio_threshold: object = 0.1,
        min_gap: object = 0,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        regexes = self.parameter("tensor_regex", tensor_regex, patterns)
        if regexes:
            self._losses = self.select([], regexes)
        self.start_step = self.parameter("start_step", start_step, whole)
        self.patience = self.parameter("patience", patience, whole)
        self.ratio_threshold = self.parameter("ratio_threshold", ratio_threshold, number)
        # Ours: a difference of losses too small to matter. Where the training loss is 0.01, any validation loss is far
        # above it.
        self.min_gap = self.parameter("min_gap", min_gap, number)
        self._train: list[float] = []
        self._valid: list[float] = []
        self._evaluated: Moment | None = None  # the latest step of an evaluation that may go on
        self._streak = 0
        self.lack = "Overfit needs losses of both training and validation; save the collection losses in both modes."

    def look(self, moment: Moment) -> None:
        if moment.is_training:
            self.conclude()
        loss = self.loss(moment)
        if loss is None:
            return
        if moment.is_training and moment.mode_step >= self.start_step:
            self._train.append(loss)
        elif moment.mode == "EVAL" and self._train:
            self._valid.append(loss)
            self._evaluated = moment

    def conclude(self) -> None:
        """Judge the evaluation that has ended."""
        if self._evaluated is None:
            return
        train, valid = float(np.mean(self._train)), float(np.mean(self._valid))
        gap = valid - train
        self.datapoints += 1
        self._streak = self._streak + 1 if gap > self.ratio_threshold * train and gap > self.min_gap else 0
        if self._streak >= self.patience:
            losses = f"The validation loss is {valid:.4g} and the training loss {train:.4g}"
            limit = f"more than {100 * self.ratio_threshold:g} % apart in {self._streak} evaluations running"
            self.accuse(self._evaluated, "", f"{losses}, {limit}.")
        self._train, self._valid, self._evaluated = [], [], None
