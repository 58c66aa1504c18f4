from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.parameters import number, patterns, words
from container.debugger.rules.selection import Moment


class SimilarAcrossRuns(TensorRule):
    """Compares tensors of the same name, mode and step with those of the other runs, and fires where they differ."""

    summary = "Looks for tensors that differ from those of another run."
    advice = (
        "Compare seed, data, hyperparameters and library versions of the two runs, from the first step that differs."
    )
    collections = (("weights", ""), ("losses", ""))

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        collection_names: object = None,
        tensor_regex: object = None,
        rtol: object = 0.00001,
        atol: object = 0.00000001,
    ) -> None:
        others = other_trials if isinstance(other_trials, (list, tuple)) else [other_trials] if other_trials else []
        super().__init__(base_trial, action_str, list(others))
        self._tensors = self.select(
            self.parameter("collection_names", collection_names, words),
            self.parameter("tensor_regex", tensor_regex, patterns),
        )
        self.rtol = self.parameter("rtol", rtol, number)
        self.atol = self.parameter("atol", atol, number)
        if not self.other_trials:
            self.lack = "SimilarAcrossRuns has no run to compare with; set other_trial_0 to the tensors of one."
        else:
            self.lack = "The runs have no tensor of the same name at the same step; save the same ones in both."

    def look(self, moment: Moment) -> None:
        for name in self._tensors.of(moment):
            value = self.value(name, moment)
            for number_of_trial, trial in enumerate(self.other_trials):
                other = None if value is None else self._other_value(trial, name, moment)
                if other is not None:
                    self._judge(moment, name, value, other, number_of_trial)

    def _other_value(self, trial: Any, name: str, moment: Moment) -> Any:
        global_step = self._global_step(trial, moment)
        return None if global_step is None else self.value(name, moment._replace(step=global_step), trial)

    def _global_step(self, trial: Any, moment: Moment) -> int | None:
        """The other run's number for the same step of the same mode: its modes may alternate otherwise."""
        if moment.mode == "GLOBAL":
            return moment.step
        modes = {mode.name: mode for mode in trial.modes()}
        return trial.global_step(modes[moment.mode], moment.mode_step) if moment.mode in modes else None

    def _judge(self, moment: Moment, name: str, value: Any, other: Any, number_of_trial: int) -> None:
        self.datapoints += 1
        run = f"run other_trial_{number_of_trial}"
        if value.shape != other.shape:
            self.accuse(moment, name, f"The tensor's shape is {value.shape} and that of {run} is {other.shape}.")
        elif not np.allclose(value, other, rtol=self.rtol, atol=self.atol, equal_nan=True):
            difference = float(np.max(np.abs(value.astype(np.float64) - other)))
            self.accuse(moment, name, f"The tensor differs from that of {run} by up to {difference:.3g}.")
