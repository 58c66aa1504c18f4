"""What every profiler rule shares: its parameters, and the verdicts that it can give."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Self, get_type_hints

from container.debugger.profiler.data import ProfilerData
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.profiler_rules.job_profile import Profile
from container.debugger.rules.parameters import number, optional, whole
from container.debugger.verdict import ISSUES, NO_ISSUES, NOT_EVALUATED, PROFILER, Issue, Verdict
from container.errors import SettingsError

READERS: dict[Any, Callable[[str], Any]] = {int: whole, float: number, str | None: optional(str)}
KEPT_ISSUES = 20
NO_TIMELINE = "no steps in the timeline; let the job run with the profiler on, and train for a few steps more"
NO_SAMPLES = "no system metrics of the time in which steps ran; let the profiler sample them, and train for longer"


@dataclass(frozen=True, kw_only=True)
class ProfilerRule(ABC):
    """The fields of a rule are its parameters, named as SageMaker's rule of that name has them.

    `patience` counts samples. SageMaker waits for 1000, more than eight minutes, in which a short job is never judged.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""  # what it looks for, one sentence

    @classmethod
    def from_text(cls, parameters: Mapping[str, str]) -> Self:
        """Raises SettingsError for a parameter that the rule does not have, or a value that does not fit."""
        known = {field.name for field in dataclasses.fields(cls)}
        types = get_type_hints(cls)
        values = {}
        for key, text in parameters.items():
            if key not in known:
                near = get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(known)) or 'none'}."
                raise SettingsError(f"Rule {cls.name} has no parameter {key!r}; {hint}")
            try:
                values[key] = READERS[types[key]](str(text).strip())
            except ValueError as error:
                raise SettingsError(f"Rule {cls.name}: {key} is {text!r}; it must be {error}.") from None
        return cls(**values)

    def judge(self, data: ProfilerData, job: JobFacts) -> Verdict:
        return self.look(Profile(data), job)

    @abstractmethod
    def look(self, profile: Profile, job: JobFacts) -> Verdict:
        """The verdict on what has been derived from a profile so far, which other rules share."""

    def not_evaluated(self, missing: str, datapoints: int = 0) -> Verdict:
        """`missing` completes the sentence `Not enough data: ...`."""
        return self._verdict(NOT_EVALUATED, f"Not enough data: {missing}.", datapoints=datapoints)

    def fine(self, message: str, datapoints: int, details: dict[str, Any]) -> Verdict:
        return self._verdict(NO_ISSUES, message, datapoints=datapoints, details=details)

    def found(
        self, issues: Sequence[Issue], advice: str, *, datapoints: int, violations: int, details: dict[str, Any]
    ) -> Verdict:
        """Issues with the first one, of at least one, as the message."""
        return self._verdict(
            ISSUES,
            issues[0].message,
            advice=advice,
            datapoints=datapoints,
            triggered=len(issues),
            violations=violations,
            issues=tuple(issues[:KEPT_ISSUES]),
            details=details,
        )

    def _verdict(self, status: str, message: str, **values: Any) -> Verdict:
        parameters = dataclasses.asdict(self)
        return Verdict(rule=self.name, kind=PROFILER, status=status, message=message, parameters=parameters, **values)
