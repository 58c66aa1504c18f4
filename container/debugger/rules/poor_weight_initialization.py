from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.loss_rule import LossRule
from container.debugger.rules.parameters import number, patterns, whole
from container.debugger.rules.selection import GRADIENTS_BUT_BIASES, Moment


class PoorWeightInitialization(LossRule):
    summary = "Looks in the first steps for layers whose values differ too much or whose gradients differ too little."
    advice = "Use Kaiming initialisation before ReLU and Xavier before tanh or sigmoid, and normalise the inputs."
    collections = (("relu_input", ".*relu_input"), ("gradients", ""), ("losses", ""))

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        activation_inputs_regex: object = ".*relu_input",
        threshold: object = 10,
        distribution_range: object = 0.001,
        patience: object = 5,
        steps: object = 10,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self._inputs = self.select([], self.parameter("activation_inputs_regex", activation_inputs_regex, patterns))
        self.threshold = self.parameter("threshold", threshold, number)
        self.distribution_range = self.parameter("distribution_range", distribution_range, number)
        self.patience = self.parameter("patience", patience, whole)
        self.steps = self.parameter("steps", steps, whole)
        self._gradients = self.select([], [GRADIENTS_BUT_BIASES])
        self._looked_at = 0
        self._best_loss = float("inf")
        self._waited = 0  # losses since the best one

    def look(self, moment: Moment) -> None:
        if not moment.is_training or self._looked_at >= self.steps:
            return
        before = self.datapoints
        self._judge_activations(moment)
        self._judge_gradients(moment)
        self._judge_loss(moment)
        self._looked_at += self.datapoints > before  # steps without any of the tensors do not count

    def _judge_activations(self, moment: Moment) -> None:
        variances = {name: self._variance(name, moment) for name in self._inputs.of(moment)}
        known = {name: variance for name, variance in variances.items() if variance is not None}
        if len(known) < 2:
            return
        self.datapoints += 1
        least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
        ratio = known[most] / known[least] if known[least] else float("inf")
        if ratio > self.threshold:
            compared = f"Its variance is {known[most]:.3g}, {ratio:.3g} times that of {least}"
            self.accuse(moment, most, f"{compared}; the limit is {self.threshold:g} times.")

    def _variance(self, name: str, moment: Moment) -> float | None:
        value = self.value(name, moment)
        return self.stored(name, moment, "variance") if value is None else float(np.var(value, dtype=np.float64))

    def _judge_gradients(self, moment: Moment) -> None:
        for name in self._gradients.of(moment):
            value = self.value(name, moment)
            if value is None or value.size < 2:  # a single value has no spread
                continue
            self.datapoints += 1
            low, high = np.percentile(value, (5, 95))
            if high - low < self.distribution_range:
                spread = f"{high - low:.3g} between its 5th and 95th percentile"
                self.accuse(moment, name, f"The gradient spans {spread}, less than {self.distribution_range:g}.")

    def _judge_loss(self, moment: Moment) -> None:
        loss = self.loss(moment)
        if loss is None:
            return
        self.datapoints += 1
        self._waited = 0 if loss < self._best_loss else self._waited + 1
        self._best_loss = min(loss, self._best_loss)
        if self._waited >= self.patience:
            self.accuse(
                moment, "", f"The loss has not fallen below {self._best_loss:.4g} for {self._waited} saved steps."
            )
