from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.parameters import number, patterns, words
from container.debugger.rules.selection import Moment

MAGNITUDES = (("max", True), ("mean", True), ("l1", False), ("l2", False))  # zero only if every value is


class AllZero(TensorRule):
    summary = "Looks for tensors whose values are all, or mostly, zero."
    advice = (
        "Look at the layer's initialisation and at whether the loss depends on it; a dead layer passes no gradient."
    )
    collections = (("gradients", ""),)

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        collection_names: object = None,
        tensor_regex: object = None,
        threshold: object = 100,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self._tensors = self.select(
            self.parameter("collection_names", collection_names, words),
            self.parameter("tensor_regex", tensor_regex, patterns),
        )
        self.threshold = self.parameter("threshold", threshold, number)

    def look(self, moment: Moment) -> None:
        for name in self._tensors.of(moment):
            percent = self._percent_zero(name, moment)
            if percent is None:
                continue
            self.datapoints += 1
            if percent >= self.threshold:
                self.accuse(moment, name, f"{percent:.4g} % of the values are zero; the limit is {self.threshold:g} %.")

    def _percent_zero(self, name: str, moment: Moment) -> float | None:
        value = self.value(name, moment)
        if value is not None:
            return 100 * float(np.mean(value == 0))
        if self.threshold < 100:  # reductions tell all from not all, no more
            return None
        stored = [self.stored(name, moment, reduction, absolute) for reduction, absolute in MAGNITUDES]
        known = [magnitude for magnitude in stored if magnitude is not None]
        return (100.0 if known[0] == 0 else 0.0) if known else None
