"""Tensors on the disk -> verdicts: every saved step is shown to every rule, once, while the job goes on or after it."""

import time
from pathlib import Path
from typing import Any

from smdebug.analysis.utils import no_refresh
from smdebug.exceptions import StepUnavailable, TensorUnavailable, TensorUnavailableForStep
from smdebug.trials import create_trial

from container.debugger.rules.base import TensorRule
from container.debugger.rules.catalogue import RULES
from container.debugger.tensors.local_tensors import open_tensors
from container.debugger.verdict import ERROR, ISSUES, NO_ISSUES, NOT_EVALUATED, TENSOR, Issue, Verdict

MISSING = (TensorUnavailable, TensorUnavailableForStep, StepUnavailable)  # a tensor not saved at this step
OTHER_TRIAL = "other_trial_"  # parameters with the folders of other runs, as the platform names them


class TensorJudge:
    """`chosen` are rule names with their parameters as text, `folder` that of the tensors, which may come later."""

    def __init__(self, folder: Path, chosen: dict[str, dict[str, str]], num_hosts: int = 1) -> None:
        self._folder, self._chosen, self._num_hosts = folder, chosen, num_hosts
        self._trial: Any = None
        self._rules: dict[str, TensorRule] = {}
        self._errors: dict[str, str] = {}
        self._next_step = 0
        self._last_news = time.monotonic()

    def look(self) -> list[str]:
        """Judge the steps written since the last look; the rules that have found their first issue in them."""
        if not self._chosen or not self._open_trial():
            return []
        before = self._accused()
        steps = [step for step in self._trial.steps() if step >= self._next_step]
        for step in steps:
            for name in self._rules:
                self._attempt(name, step)
            self._next_step = step + 1
        if steps:
            self._last_news = time.monotonic()
        self._look_at_silence()
        return [name for name in self._accused() if name not in before]

    def finish(self) -> list[str]:
        """Judge what is left when nothing more will be written; the rules that found their first issue only now."""
        before = self._accused()
        self.look()
        for name, rule in self._rules.items():
            if name not in self._errors:
                try:
                    rule.finish()
                except MISSING:
                    continue
                except Exception as error:  # a rule's own, which must not cost the others their verdict
                    self._errors[name] = _explain(error)
        return [name for name in self._accused() if name not in before]

    def verdicts(self) -> list[Verdict]:
        return [self.verdict(name) for name in self._chosen]

    def verdict(self, name: str) -> Verdict:
        kind = RULES[name]
        if name in self._errors:
            return Verdict(rule=name, kind=TENSOR, status=ERROR, message=self._errors[name])
        rule = self._rules.get(name)
        if rule is None:
            return Verdict(
                rule=name,
                kind=TENSOR,
                status=NOT_EVALUATED,
                message=f"No tensor was saved in {self._folder}.",
                parameters=dict(self._chosen[name]),
            )
        status, message = self._status(rule)
        return Verdict(
            rule=name,
            kind=TENSOR,
            status=status,
            message=message,
            advice=rule.advice if status == ISSUES else "",
            datapoints=rule.datapoints,
            triggered=rule.triggered,
            violations=rule.violations,
            parameters={name: _text(value) for name, value in rule.parameters.items()},
            issues=tuple(self._issue(issue) for issue in rule.issues),
            details={"summary": kind.summary},
        )

    def _status(self, rule: TensorRule) -> tuple[str, str]:
        if rule.triggered:
            return ISSUES, str(rule.issues[0]["message"])
        if not rule.datapoints:
            return NOT_EVALUATED, rule.shortfall
        values = "value" if rule.datapoints == 1 else "values"
        return NO_ISSUES, f"Nothing was found in {rule.datapoints} {values} of {self._next_step} steps."

    def _accused(self) -> list[str]:
        return [name for name, rule in self._rules.items() if rule.triggered]

    def _open_trial(self) -> bool:
        if self._trial is None:
            self._trial = open_tensors(self._folder, self._num_hosts)
            for name, parameters in self._chosen.items() if self._trial else ():
                self._start(name, parameters)
        return self._trial is not None

    def _start(self, name: str, parameters: dict[str, str]) -> None:
        own = {key: value for key, value in parameters.items() if not key.startswith(OTHER_TRIAL)}
        others = [create_trial(value) for key, value in parameters.items() if key.startswith(OTHER_TRIAL)]
        try:
            self._rules[name] = RULES[name](self._trial, other_trials=others or None, **own)
        except Exception as error:  # a parameter's value, most likely
            self._errors[name] = _explain(error)

    def _attempt(self, name: str, step: int) -> None:
        if name in self._errors:
            return
        rule = self._rules[name]
        try:
            # As Rule.invoke does, which lists the folder of tensors anew for every rule and step.
            with no_refresh(rule.trials):
                rule.invoke_at_step(step)
        except MISSING:
            return
        except Exception as error:  # a rule's own
            self._errors[name] = _explain(error)

    def _look_at_silence(self) -> None:
        seconds = time.monotonic() - self._last_news
        for rule in self._rules.values():
            if hasattr(rule, "idle"):
                rule.idle(seconds)

    def _issue(self, found: dict[str, Any]) -> Issue:
        return Issue(**{key: value for key, value in found.items() if key in Issue.__dataclass_fields__})


def _explain(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _text(value: Any) -> Any:
    """A parameter as a person writes it: lists with commas."""
    return ",".join(value) if isinstance(value, list) else value
