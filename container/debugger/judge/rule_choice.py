"""The hyperparameter `rules` -> the rules of a job and their parameters."""

import difflib
import json
from dataclasses import dataclass, field

from container import contract
from container.debugger.profiler_rules.catalogue import PROFILER_RULES
from container.debugger.rules.catalogue import DEFAULT_RULES, RULES, collections_for, find_rule, known_parameters
from container.errors import SettingsError

ON_ISSUE = "on_issue"
STOP, REPORT = "stop", "report"


@dataclass(frozen=True)
class RuleChoice:
    """Rule name -> its parameters as text, of both kinds, and the names of the rules that stop the job."""

    tensor: dict[str, dict[str, str]] = field(default_factory=dict)
    profiler: dict[str, dict[str, str]] = field(default_factory=dict)
    stopping: frozenset[str] = frozenset()

    @property
    def collections(self) -> dict[str, str]:
        """Names of the collections that the tensor rules need -> regular expression, empty for smdebug's own."""
        return {"losses": "", **collections_for(list(self.tensor))}


def choose_rules(text: str) -> RuleChoice:
    """Raises SettingsError for a rule or parameter that does not exist, with the nearest name, or a wrong on_issue."""
    chosen: dict[bool, dict[str, dict[str, str]]] = {False: {}, True: {}}
    stopping = set()
    for given, parameters in _given(text.strip()).items():
        name = _find(given)
        texts = {key: str(value) for key, value in parameters.items()}
        on_issue = texts.pop(ON_ISSUE, REPORT)
        if on_issue not in (STOP, REPORT):
            raise SettingsError(f"{_where(given)}: {ON_ISSUE} is {on_issue!r}; use {STOP} or {REPORT}.")
        if on_issue == STOP:
            stopping.add(name)
        _check_parameters(name, texts)
        chosen[name in PROFILER_RULES][name] = {**DEFAULT_RULES.get(name, {}), **texts}
    return RuleChoice(chosen[False], chosen[True], frozenset(stopping))


def _given(text: str) -> dict[str, dict[str, object]]:
    if text.startswith("{"):
        try:
            content = json.loads(text)
        except ValueError as error:
            raise SettingsError(
                f"{contract.HYPERPARAMETERS_FILE}: rules is no valid JSON object ({error}); write it as in "
                '{"Overfit": {"patience": 5}}.'
            ) from error
        for name, parameters in content.items():
            if not isinstance(parameters, dict):
                raise SettingsError(f"{_where(name)} must be a JSON object of parameters, not {parameters!r}.")
        return dict(content)
    words = {"default": [*DEFAULT_RULES, *PROFILER_RULES], "all": [*RULES, *PROFILER_RULES], "none": []}
    names = words.get(text, [name.strip() for name in text.split(",") if name.strip()])
    return {name: {} for name in names}


def _find(name: str) -> str:
    if name in PROFILER_RULES:
        return name
    try:
        return find_rule(name).__name__
    except SettingsError as error:
        known = [*RULES, *PROFILER_RULES]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(known)}."
        raise SettingsError(f"{contract.HYPERPARAMETERS_FILE}: rules: no rule is named {name!r}; {hint}") from error


def _check_parameters(name: str, parameters: dict[str, str]) -> None:
    if name in PROFILER_RULES:
        try:
            PROFILER_RULES[name].from_text(parameters)
        except SettingsError as error:
            raise SettingsError(f"{contract.HYPERPARAMETERS_FILE}: rules: {error}") from error
        return
    own = known_parameters(RULES[name])
    for parameter in parameters:
        if parameter not in own and not parameter.startswith("other_trial_"):
            raise SettingsError(f"{_where(name)} has no parameter {parameter!r}; it has {', '.join([*own, ON_ISSUE])}.")


def _where(name: str) -> str:
    return f"{contract.HYPERPARAMETERS_FILE}: rules: {name}"
