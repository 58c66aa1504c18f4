from __future__ import annotations

from typing import Any

from container.debugger.rules.parameters import number, patterns
from container.debugger.rules.selection import Moment
from container.debugger.rules.unit_activity import UnitActivity


class DeadRelu(UnitActivity):
    summary = "Looks for layers in which most ReLUs give zero for every input, and so get no gradient."
    advice = "Lower the learning rate, initialise biases at zero, or use LeakyReLU or GELU."
    collections = (("relu_output", ".*relu_output"),)
    _state = "dead"

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        tensor_regex: object = ".*relu_output",
        threshold_inactivity: object = 1.0,
        threshold_layer: object = 50.0,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self._outputs = self.select([], self.parameter("tensor_regex", tensor_regex, patterns))
        self.threshold_inactivity = self.parameter("threshold_inactivity", threshold_inactivity, number)
        self.threshold_layer = self.parameter("threshold_layer", threshold_layer, number)

    def look(self, moment: Moment) -> None:
        for name in self._outputs.of(moment):
            value = self.value(name, moment)
            if value is not None:
                self.count_activity(moment, name, value > 0)
