"""What every tensor rule shares: its parameters, reading tensors, and keeping what it found.

The rules run on SageMaker as custom rules too, whose evaluator ran Python 3.7 when last seen. So this file and the
rules know only the standard library, numpy, smdebug and each other, and use nothing newer than that.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from smdebug.rules import Rule

from container.debugger.rules.selection import Moment, Selection

T = TypeVar("T")
KEPT_ISSUES = 20  # of the first and of the latest each: a rule that always fires must not fill the memory


class TensorRule(Rule):
    """A rule called with every saved global step in order; steps of all modes are mixed.

    It is judged afterwards by its `datapoints` (values it could judge: none means that it had nothing to judge, and
    `shortfall` says why), `triggered` (steps at which the condition was met), `violations` and `issues`.
    """

    summary = ""  # what it looks for, one sentence
    advice = ""  # what to do, one sentence
    collections: tuple[tuple[str, str], ...] = ()  # what must be saved: name, and regex unless smdebug knows the name

    def __init__(self, base_trial: Any, action_str: str = "", other_trials: Any = None) -> None:
        super().__init__(base_trial, action_str or "", other_trials)
        self.parameters: dict[str, Any] = {}  # as used
        self.datapoints = 0
        self.violations = 0
        self.triggered = 0
        self.lack = ""  # what else the rule is waiting for, one sentence
        self._first_issues: list[dict[str, Any]] = []
        self._latest_issues: deque = deque(maxlen=KEPT_ISSUES)
        self._last_step: int | None = None  # known once the job has ended

    @abstractmethod
    def look(self, moment: Moment) -> None:
        """Judge one saved step: count `datapoints` and call `accuse`."""

    def conclude(self) -> None:
        """Judge what is still open when the job has ended; may be called more than once."""

    def invoke_at_step(self, step: int) -> bool:
        """True if the condition is met at this global step."""
        mode, mode_step = self.base_trial.mode_modestep(step)
        if mode is None:
            return False
        moment = Moment(step, mode.name, mode_step, self.base_trial.tensor_names(step=step))
        before = self.violations
        with np.errstate(all="ignore"):  # infinities are findings here, not accidents
            self.look(moment)
            if self._is_last(step):
                self.conclude()
        return self._count(before)

    def finish(self) -> bool:
        """True if something that was open at the end of the job meets the condition; for a caller that knows the end.

        Without this call the end is noticed by itself when the job has ended before its last step is judged.
        """
        before = self.violations
        with np.errstate(all="ignore"):
            self.conclude()
        return self._count(before)

    @property
    def issues(self) -> list[dict[str, Any]]:
        """The first findings and the latest ones: step, mode, mode_step, tensor and message."""
        return self._first_issues + list(self._latest_issues)

    @property
    def shortfall(self) -> str:
        """Why nothing could be judged, one sentence; empty if something was."""
        if self.datapoints:
            return ""
        needs = " and ".join(f"{name} ({regex})" if regex else name for name, regex in self.collections)
        return self.lack or f"No tensor that {self.rule_name} looks at was saved; save the collection {needs}."

    def parameter(self, name: str, value: object, read: Callable[[str], T]) -> T:
        """The value of a parameter, which may be text. Raises ValueError if it cannot be read as it should."""
        text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value).strip()
        try:
            self.parameters[name] = read(text)
        except ValueError as error:
            raise ValueError(f"Rule {self.rule_name}: {name} is {text!r}; it must be {error}.") from None
        return self.parameters[name]

    def select(self, collection_names: list[str], tensor_regex: list[str]) -> Selection:
        return Selection(self.base_trial, collection_names, tensor_regex)

    def value(self, name: str, moment: Moment, trial: Any = None) -> Any:
        """The numbers of a tensor at this step, an array, or None: missing, half-written, or only reductions."""
        try:
            value = np.asarray((trial or self.base_trial).tensor(name).value(moment.step))
        except Exception:  # a damaged record makes smdebug's reader raise whatever it trips over, even NameError
            return None
        if value.size == 0 or value.dtype.kind not in "fiub":
            return None
        return value.astype(np.float32) if value.dtype == np.float16 else value  # sums overflow in half precision

    def stored(self, name: str, moment: Moment, reduction: str, absolute: bool = False) -> float | None:
        """A reduction that was saved in place of the tensor, such as `mean` of the absolute values; None if it was not.

        smdebug calls them min, max, mean, std, variance, sum, prod, l1 and l2.
        """
        try:
            return float(self.base_trial.tensor(name).reduction_value(moment.step, reduction, abs=absolute))
        except Exception:  # see value
            return None

    def accuse(self, moment: Moment, tensor: str, message: str) -> None:
        """Keep a finding; `message` is a sentence with the numbers."""
        self.violations += 1
        place = {"step": moment.step, "mode": moment.mode, "mode_step": moment.mode_step}
        kept = self._first_issues if len(self._first_issues) < KEPT_ISSUES else self._latest_issues
        kept.append({**place, "tensor": tensor, "message": message})

    def _is_last(self, step: int) -> bool:
        if self._last_step is None and self.base_trial.loaded_all_steps:
            self._last_step = self.base_trial.steps()[-1]
        return self._last_step is not None and step >= self._last_step

    def _count(self, violations_before: int) -> bool:
        met = self.violations > violations_before
        self.triggered += met
        self.report.update(
            RuleTriggered=self.triggered,
            Violations=self.violations,
            Datapoints=self.datapoints,
            Details={"issues": self.issues},
            RuleParameters="\n".join(f"{name}:{value}" for name, value in self.parameters.items()),
        )
        return met
