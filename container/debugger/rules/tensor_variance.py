from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.parameters import number, optional, patterns, words
from container.debugger.rules.selection import Moment


class TensorVariance(TensorRule):
    summary = "Looks for tensors whose values vary too much or too little."
    advice = "Change the layer's initialisation, or normalise what goes into it."
    collections = (("weights", ""),)

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        collection_names: object = None,
        tensor_regex: object = None,
        max_threshold: object = None,
        min_threshold: object = None,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self._tensors = self.select(
            self.parameter("collection_names", collection_names, words),
            self.parameter("tensor_regex", tensor_regex, patterns),
        )
        self.max_threshold = self.parameter("max_threshold", max_threshold, optional(number))
        self.min_threshold = self.parameter("min_threshold", min_threshold, optional(number))
        if self.max_threshold is None and self.min_threshold is None:
            self.lack = "TensorVariance has no limit to judge by; set max_threshold or min_threshold."

    def look(self, moment: Moment) -> None:
        if self.max_threshold is None and self.min_threshold is None:
            return
        for name in self._tensors.of(moment):
            value = self.value(name, moment)
            if value is not None and value.size < 2:  # a single number cannot vary
                continue
            variance = self._stored_variance(name, moment) if value is None else float(np.var(value, dtype=np.float64))
            if variance is None or not np.isfinite(variance):
                continue
            self.datapoints += 1
            if self.max_threshold is not None and variance > self.max_threshold:
                self.accuse(moment, name, f"The variance is {variance:.3g}, above {self.max_threshold:g}.")
            if self.min_threshold is not None and variance < self.min_threshold:
                self.accuse(moment, name, f"The variance is {variance:.3g}, below {self.min_threshold:g}.")

    def _stored_variance(self, name: str, moment: Moment) -> float | None:
        variance = self.stored(name, moment, "variance")
        deviation = self.stored(name, moment, "std")
        return variance if variance is not None or deviation is None else deviation**2
