from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.loss_rule import LossRule
from container.debugger.rules.parameters import number, whole
from container.debugger.rules.selection import Moment


class Overtraining(LossRule):
    """Fires when either loss has stopped falling: that of saved training steps, or that of evaluations."""

    summary = "Looks for training that goes on although the losses no longer improve."
    advice = "Stop earlier: set fewer epochs, or stop when the validation loss has not improved for some epochs."

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        patience_train: object = 5,
        patience_validation: object = 10,
        delta: object = 0.01,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self.patience = {
            "training": self.parameter("patience_train", patience_train, whole),
            "validation": self.parameter("patience_validation", patience_validation, whole),
        }
        self.delta = self.parameter("delta", delta, number)
        self._best: dict[str, float] = {}
        self._waited = {"training": 0, "validation": 0}  # losses since the best one
        self._valid: list[float] = []
        self._evaluated: Moment | None = None  # the latest step of an evaluation that may go on

    def look(self, moment: Moment) -> None:
        if moment.is_training:
            self.conclude()
        loss = self.loss(moment)
        if loss is None:
            return
        if moment.is_training:
            self._judge(moment, "training", loss)
        elif moment.mode == "EVAL":
            self._valid.append(loss)
            self._evaluated = moment

    def conclude(self) -> None:
        """Judge the evaluation that has ended."""
        if self._evaluated is not None:
            self._judge(self._evaluated, "validation", float(np.mean(self._valid)))
            self._valid, self._evaluated = [], None

    def _judge(self, moment: Moment, what: str, loss: float) -> None:
        self.datapoints += 1
        best = self._best.get(what, float("inf"))
        if loss < best - self.delta:
            self._best[what], self._waited[what] = loss, 0
            return
        self._waited[what] += 1
        if self._waited[what] >= self.patience[what]:
            wait = f"{self._waited[what]} {'saved steps' if what == 'training' else 'evaluations'}"
            self.accuse(moment, "", f"The {what} loss has not improved by {self.delta:g} on {best:.4g} for {wait}.")
