from __future__ import annotations

from typing import Any

from container.debugger.rules.base import TensorRule
from container.debugger.rules.parameters import flag, number, optional
from container.debugger.rules.selection import Moment


class StalledTraining(TensorRule):
    """`idle` is for whoever waits for the next step, as a rule is not called when nothing happens.

    `stop_training_on_fire` is for that one to heed, too.
    """

    summary = "Looks for training that has saved no tensors for a long time."
    advice = "Look at the end of the job's log and at its data loading, and stop the job if it hangs."
    collections = (("losses", ""),)

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        threshold: object = 1800,
        stop_training_on_fire: object = False,
        training_job_name_prefix: object = None,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self.threshold = self.parameter("threshold", threshold, number)  # seconds
        self.stop_training_on_fire = self.parameter("stop_training_on_fire", stop_training_on_fire, flag)
        self.parameter("training_job_name_prefix", training_job_name_prefix, optional(str))
        self._latest = Moment(-1, "", -1, [])
        self._is_stalled = False

    def look(self, moment: Moment) -> None:
        self.datapoints += 1
        self._latest = moment
        self._is_stalled = False

    def idle(self, seconds_since_last_tensor: float) -> bool:
        """True once for every stall: no tensor for longer than the threshold."""
        if self._is_stalled or seconds_since_last_tensor <= self.threshold:
            return False
        self._is_stalled = True
        before = self.violations
        self.datapoints += 1
        waited = f"No tensor has been saved for {seconds_since_last_tensor:.0f} seconds"
        self.accuse(self._latest, "", f"{waited}; the limit is {self.threshold:g}.")
        return self._count(before)
