from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.parameters import number, optional, whole
from container.debugger.rules.selection import Moment, frozen_parameters


class WeightUpdateRatio(TensorRule):
    summary = "Looks for weights that change too much or hardly at all from step to step."
    advice = "Lower the learning rate where weights change too much, and raise it where they hardly change."
    collections = (("weights", ""), ("gradients", ""))  # no gradient means frozen, not sick

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        num_steps: object = None,
        large_threshold: object = 10,
        small_threshold: object = 0.00000001,
        epsilon: object = 0.000000001,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self.num_steps = self.parameter("num_steps", num_steps, optional(whole))
        self.large_threshold = self.parameter("large_threshold", large_threshold, number)
        self.small_threshold = self.parameter("small_threshold", small_threshold, number)
        self.epsilon = self.parameter("epsilon", epsilon, number)
        self._weights = self.select(["weights"], [])
        self._before: dict[str, tuple[Any, int]] = {}  # an earlier value, and how many saved steps ago

    def look(self, moment: Moment) -> None:
        if not moment.is_training:  # weights stay while the network is evaluated
            return
        names = self._weights.of(moment)
        frozen = frozen_parameters(self.base_trial, names)
        for name in names:
            value = None if name in frozen else self.value(name, moment)
            if value is not None:
                self._judge(moment, name, value)

    def _judge(self, moment: Moment, name: str, value: Any) -> None:
        earlier, age = self._before.get(name, (None, 0))
        if earlier is None or earlier.shape != value.shape:
            self._before[name] = (value, 1)
            self.lack = "Weights were saved at too few training steps to compare them; save them more often."
            return
        # With num_steps only every so manyth step is compared: one earlier value of each weight is enough to keep.
        if age < (self.num_steps or 1):
            self._before[name] = (earlier, age + 1)
            return
        self._before[name] = (value, 1)
        size = float(np.linalg.norm(earlier.ravel()))
        ratio = float(np.linalg.norm((value - earlier).ravel())) / (size + self.epsilon)
        if size == 0 or not np.isfinite(ratio):  # a weight that starts at zero: any update is infinitely large
            return
        self.datapoints += 1
        if ratio > self.large_threshold:
            self.accuse(
                moment, name, f"The update is {ratio:.3g} times the weight; the limit is {self.large_threshold:g}."
            )
        elif ratio < self.small_threshold:
            self.accuse(moment, name, f"The update is {ratio:.3g} of the weight, below {self.small_threshold:g}.")
