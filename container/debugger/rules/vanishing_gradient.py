from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.parameters import number
from container.debugger.rules.selection import GRADIENTS_BUT_BIASES, Moment


class VanishingGradient(TensorRule):
    summary = "Looks for gradients so small that their parameters no longer learn."
    advice = "Use ReLU in place of sigmoid or tanh, batch normalisation, residual connections or fewer layers."
    collections = (("gradients", ""),)

    def __init__(
        self, base_trial: Any, action_str: str = "", other_trials: Any = None, threshold: object = 0.0000001
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self.threshold = self.parameter("threshold", threshold, number)
        self._gradients = self.select([], [GRADIENTS_BUT_BIASES])

    def look(self, moment: Moment) -> None:
        for name in self._gradients.of(moment):
            value = self.value(name, moment)
            mean = self.stored(name, moment, "mean", absolute=True) if value is None else float(np.abs(value).mean())
            if mean is None or not np.isfinite(mean):
                continue
            self.datapoints += 1
            if mean < self.threshold:
                self.accuse(moment, name, f"The gradient's mean magnitude is {mean:.3g}, below {self.threshold:g}.")
