"""How often the units of a layer are active: for rules about layers that have gone dead or got stuck."""

from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.selection import Moment


class UnitActivity(TensorRule):
    """A unit is a channel of (n, C, h, w), or a feature of (n, F); it is sick when active less than a limit.

    `threshold_inactivity` and `threshold_layer` are in percent: a unit's activity, and a layer's share of sick units.
    """

    threshold_inactivity = 1.0
    threshold_layer = 50.0
    _state = ""  # what a sick unit is

    def __init__(self, base_trial: Any, action_str: str = "", other_trials: Any = None) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self._counts: dict[tuple[str, str], tuple[Any, int]] = {}  # active values of each unit (C,), and all values

    def count_activity(self, moment: Moment, name: str, is_active: Any) -> None:
        """Add (n, C, ...) booleans to a layer's counts, and judge it once they are enough."""
        if is_active.ndim < 2:
            return
        active, seen = self._counts.get((name, moment.mode), (0, 0))
        others = tuple(axis for axis in range(is_active.ndim) if axis != 1)
        active = active + is_active.sum(axis=others)  # (C,)
        seen += is_active.size // is_active.shape[1]
        # To tell 1 % from nothing takes 100 values of every unit: a small batch alone would call rare units sick.
        if seen * self.threshold_inactivity < 100:
            self._counts[name, moment.mode] = (active, seen)
            self.lack = f"{self.rule_name} has seen too few values of every unit; save activations more often."
            return
        self._counts.pop((name, moment.mode), None)
        self.datapoints += 1
        percent = 100 * float(np.mean(100 * active < self.threshold_inactivity * seen))
        if percent > self.threshold_layer:
            limits = f"the limit is {self.threshold_layer:g} %"
            sick = f"{percent:.4g} % of the layer's {len(active)} units are {self._state}"
            self.accuse(moment, name, f"{sick} (active in under {self.threshold_inactivity:g} % of values); {limits}.")
