from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.parameters import flag, number, patterns, whole, words
from container.debugger.rules.selection import Moment, frozen_parameters


class UnchangedTensor(TensorRule):
    summary = "Looks for tensors that stay the same from saved step to saved step."
    advice = "Check that the learning rate is above zero and that the optimizer was given these parameters."
    collections = (("weights", ""), ("gradients", ""))

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        collection_names: object = None,
        tensor_regex: object = None,
        num_steps: object = 3,
        rtol: object = 0.00001,
        atol: object = 0.00000001,
        equal_nan: object = False,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self._tensors = self.select(
            self.parameter("collection_names", collection_names, words),
            self.parameter("tensor_regex", tensor_regex, patterns),
        )
        self.num_steps = self.parameter("num_steps", num_steps, whole)
        self.rtol = self.parameter("rtol", rtol, number)
        self.atol = self.parameter("atol", atol, number)
        self.equal_nan = self.parameter("equal_nan", equal_nan, flag)
        self._parameters = self.select(["weights", "biases"], [])
        self._runs: dict[tuple[str, str], tuple[Any, int]] = {}  # the value a run of equal ones began with, its length
        self._seen: dict[tuple[str, str], int] = {}

    def look(self, moment: Moment) -> None:
        names = self._tensors.of(moment)
        parameters = {name for name in names if name in self._parameters}
        # Neither is an illness: frozen layers, and parameters that stay while the network is evaluated.
        still = frozen_parameters(self.base_trial, parameters) if moment.is_training else parameters
        for name in names:
            value = None if name in still else self.value(name, moment)
            if value is not None:
                self._judge(moment, name, value)

    def _judge(self, moment: Moment, name: str, value: Any) -> None:
        key = (name, moment.mode)
        first, length = self._runs.get(key, (None, 0))
        is_same = first is not None and first.shape == value.shape and self._is_close(first, value)
        self._runs[key] = (first, length + 1) if is_same else (value, 1)
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] < self.num_steps:
            self.lack = self.lack or f"No tensor was saved at {self.num_steps} steps of a mode; save them more often."
            return
        self.datapoints += 1
        length = self._runs[key][1]
        if length >= max(self.num_steps, 2):
            self.accuse(moment, name, f"The tensor has not changed over the last {length} saved {moment.mode} steps.")

    def _is_close(self, first: Any, value: Any) -> bool:
        return bool(np.allclose(value, first, rtol=self.rtol, atol=self.atol, equal_nan=self.equal_nan))
