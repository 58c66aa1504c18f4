from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.loss_rule import LossRule
from container.debugger.rules.parameters import flag, number, optional, patterns, whole, words
from container.debugger.rules.selection import Moment

PREFERENCE = ("EVAL", "TRAIN", "GLOBAL")  # whose losses are judged where no mode is set


class Curve:
    """The losses of one mode: those since the last check, and the mean of those before it."""

    def __init__(self, checked_at: int) -> None:
        self.checked_at = checked_at
        self.first: float | None = None  # of all; the mean of the first evaluation
        self.before: float | None = None
        self.since: list[float] = []


class LossNotDecreasing(LossRule):
    """Every `num_steps` steps the loss is compared with that of the check before.

    Where several losses were saved between two checks their means are compared, since those of single batches go up and
    down in the best of runs. Those of one evaluation, whose batches differ, are compared as a whole.
    """

    summary = "Looks for a loss that does not fall, or rises."
    advice = (
        "Raise the learning rate if the loss stays, lower it if the loss rises, and check labels and normalisation."
    )

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        collection_names: object = None,
        tensor_regex: object = None,
        use_losses_collection: object = True,
        num_steps: object = 10,
        diff_percent: object = 0.1,
        increase_threshold_percent: object = 5,
        mode: object = None,
        enough_percent: object = None,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        names = list(self.parameter("collection_names", collection_names, words))
        regexes = self.parameter("tensor_regex", tensor_regex, patterns)
        if self.parameter("use_losses_collection", use_losses_collection, flag):
            names.append("losses")
        self._losses = self.select(names, regexes)
        self.num_steps = self.parameter("num_steps", num_steps, whole)
        self.diff_percent = self.parameter("diff_percent", diff_percent, number)
        self.increase_percent = self.parameter("increase_threshold_percent", increase_threshold_percent, number)
        self.mode = self.parameter("mode", mode, optional(str.upper))
        # Ours: a loss this far below the first one has fallen as it should, and may stay there.
        self.enough_percent = self.parameter("enough_percent", enough_percent, optional(number))
        self._curves: dict[str, Curve] = {}
        self._evaluated: Moment | None = None  # the latest step of an evaluation that may go on

    def look(self, moment: Moment) -> None:
        mode = "GLOBAL" if self.mode == "GLOBAL" else moment.mode
        if mode != "EVAL":
            self.conclude()
        if mode not in PREFERENCE or self.mode not in (None, mode):
            return
        loss = self.loss(moment)
        if loss is None:
            return
        self.lack = f"No losses were saved {self.num_steps} steps apart; save them more often, or train longer."
        step = moment.step if self.mode == "GLOBAL" else moment.mode_step
        curve = self._curves.setdefault(mode, Curve(step))
        curve.since.append(loss)
        if mode == "EVAL":
            self._evaluated = moment
        else:
            self._check(moment, mode, step)

    def conclude(self) -> None:
        """Compare the evaluation that has ended."""
        if self._evaluated is not None:
            self._check(self._evaluated, "EVAL", self._evaluated.mode_step)
            self._evaluated = None

    def _check(self, moment: Moment, mode: str, step: int) -> None:
        curve = self._curves[mode]
        if curve.first is None:
            curve.first = float(np.mean(curve.since))
            if mode == "EVAL":
                curve.before, curve.since, curve.checked_at = curve.first, [], step
        if step - curve.checked_at < self.num_steps:
            return
        if curve.before is None and len(curve.since) == 2:  # few were saved: the first one has to do
            curve.before = curve.since.pop(0)
        before, now = curve.before, float(np.mean(curve.since))
        curve.before, curve.since, curve.checked_at = now, [], step
        if before is not None:
            self._judge(moment, mode, curve.first, before, now)

    def _judge(self, moment: Moment, mode: str, first: float, before: float, now: float) -> None:
        if self.mode is None and mode != next(known for known in PREFERENCE if known in self._curves):
            return
        self.datapoints += 1
        if self.enough_percent is not None and now <= first * (1 - self.enough_percent / 100):
            return
        rise = 100 * (now - before) / max(abs(before), 1e-12)
        if rise > self.increase_percent:
            self.accuse(moment, "", f"The {mode} loss rose by {rise:.3g} %, from {before:.4g} to {now:.4g}.")
        elif rise > -self.diff_percent:
            fall = f"fell by {-rise:.3g} %" if rise < 0 else f"rose by {rise:.3g} %"
            limit = f"it should fall by {self.diff_percent:g} % in {self.num_steps} steps"
            self.accuse(moment, "", f"The {mode} loss {fall}, from {before:.4g} to {now:.4g}; {limit}.")
