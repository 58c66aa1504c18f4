from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.parameters import flag, patterns, words
from container.debugger.rules.selection import Moment

# A sum or a product can overflow where no value has.
TELLING_REDUCTIONS = (("min", False), ("max", False), ("mean", False), ("mean", True), ("max", True))


class ExplodingTensor(TensorRule):
    summary = "Looks for tensors that hold infinity or NaN (not a number)."
    advice = "Lower the learning rate, clip the gradients, or train without mixed precision."
    collections = (("losses", ""), ("weights", ""))

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        collection_names: object = None,
        tensor_regex: object = None,
        only_nan: object = False,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self._tensors = self.select(
            self.parameter("collection_names", collection_names, words),
            self.parameter("tensor_regex", tensor_regex, patterns),
        )
        self.only_nan = self.parameter("only_nan", only_nan, flag)

    def look(self, moment: Moment) -> None:
        for name in self._tensors.of(moment):
            value = self.value(name, moment)
            if value is None:
                value = self._reductions(name, moment)
            if value.size == 0:
                continue
            self.datapoints += 1
            num_nan, num_infinite = int(np.isnan(value).sum()), int(np.isinf(value).sum())
            if num_nan or (num_infinite and not self.only_nan):
                counts = f"{num_nan} NaN and {num_infinite} infinite"
                self.accuse(moment, name, f"The tensor holds {counts} among {value.size} values.")

    def _reductions(self, name: str, moment: Moment) -> Any:
        stored = [self.stored(name, moment, reduction, absolute) for reduction, absolute in TELLING_REDUCTIONS]
        return np.array([number for number in stored if number is not None])
