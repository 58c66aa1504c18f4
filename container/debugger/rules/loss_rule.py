"""The loss of a step: for rules about loss curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.selection import Moment, Selection


class LossRule(TensorRule):
    collections: tuple[tuple[str, str], ...] = (("losses", ""),)

    def __init__(self, base_trial: Any, action_str: str = "", other_trials: Any = None) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self._losses = self.select(["losses"], [])

    def loss(self, moment: Moment, losses: Selection | None = None) -> float | None:
        """The mean of the scalar losses saved at this step; None if there are none, or they are no finite number."""
        values = [self.value(name, moment) for name in (losses or self._losses).of(moment)]
        scalars = [float(value.ravel()[0]) for value in values if value is not None and value.size == 1]
        mean = float(np.mean(scalars)) if scalars else float("nan")
        return mean if np.isfinite(mean) else None
