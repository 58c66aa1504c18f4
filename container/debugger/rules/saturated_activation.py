from __future__ import annotations

from typing import Any

from container.debugger.rules.parameters import number, patterns, words
from container.debugger.rules.selection import Moment
from container.debugger.rules.unit_activity import UnitActivity


class SaturatedActivation(UnitActivity):
    summary = "Looks for layers in which most tanh or sigmoid units are stuck at an end of their range."
    advice = "Initialise with smaller weights, normalise the inputs, lower the learning rate, or use ReLU."
    collections = (("activation_input", ".*tanh_input|.*sigmoid_input"),)
    _state = "saturated"

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        collection_names: object = None,
        tensor_regex: object = ".*tanh_input|.*sigmoid_input",
        threshold_tanh_min: object = -9.4999,
        threshold_tanh_max: object = 9.4999,
        threshold_sigmoid_min: object = -23,
        threshold_sigmoid_max: object = 16.99999,
        threshold_inactivity: object = 1.0,
        threshold_layer: object = 50.0,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self._inputs = self.select(
            self.parameter("collection_names", collection_names, words),
            self.parameter("tensor_regex", tensor_regex, patterns),
        )
        # Inputs outside these ends come out as exactly 0, 1 or -1 in single precision.
        self._ends = {
            "tanh": (
                self.parameter("threshold_tanh_min", threshold_tanh_min, number),
                self.parameter("threshold_tanh_max", threshold_tanh_max, number),
            ),
            "sigmoid": (
                self.parameter("threshold_sigmoid_min", threshold_sigmoid_min, number),
                self.parameter("threshold_sigmoid_max", threshold_sigmoid_max, number),
            ),
        }
        self.threshold_inactivity = self.parameter("threshold_inactivity", threshold_inactivity, number)
        self.threshold_layer = self.parameter("threshold_layer", threshold_layer, number)

    def look(self, moment: Moment) -> None:
        for name in self._inputs.of(moment):
            low, high = self._ends["sigmoid" if "sigmoid" in name.lower() else "tanh"]
            value = self.value(name, moment)
            if value is not None:
                self.count_activity(moment, name, (value > low) & (value < high))
