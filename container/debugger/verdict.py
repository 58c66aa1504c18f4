"""What a rule says at the end, of tensors or of the profile: one JSON file per rule, in the platform's format.

The first five keys are those of SageMaker's `profiler-reports/<Rule>.json`; the others are ours.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from container.whole_file import whole_file

NO_ISSUES, ISSUES, ERROR = "NoIssuesFound", "IssuesFound", "Error"  # as DebugRuleEvaluationStatuses has them
NOT_EVALUATED = "NotEvaluated"  # ours: the data that the rule needs was not there, which is no good news
TENSOR, PROFILER = "tensor", "profiler"


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One finding. `step` is the global step as smdebug counts it, and `mode_step` that of its mode."""

    message: str  # a sentence with the numbers
    step: int | None = None
    mode: str = ""  # TRAIN or EVAL
    mode_step: int | None = None
    tensor: str = ""
    time: float | None = None  # seconds since the epoch


@dataclass(frozen=True, kw_only=True)
class Verdict:
    rule: str
    kind: str  # TENSOR or PROFILER
    status: str
    message: str  # one sentence: the first issue, what was looked at, or what is missing and how to get it
    advice: str = ""  # one sentence that a person can follow; empty where there is nothing to do
    datapoints: int = 0  # values looked at
    triggered: int = 0  # times that the condition was met
    violations: int = 0  # values that broke it
    parameters: dict[str, Any] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()  # the first and the latest ones; `triggered` counts them all
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "RuleTriggered": self.triggered,
            "Violations": self.violations,
            "Datapoints": self.datapoints,
            "RuleParameters": "\n".join(f"{name}:{value}" for name, value in self.parameters.items()),
            "Details": self.details,
            "Rule": self.rule,
            "Kind": self.kind,
            "Status": self.status,
            "Message": self.message,
            "Advice": self.advice,
            "Issues": [vars(issue) for issue in self.issues],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Verdict":
        """The verdict in a file's content. Raises KeyError if it is no verdict of ours."""
        pairs = (line.partition(":") for line in content["RuleParameters"].splitlines())
        return cls(
            rule=content["Rule"],
            kind=content["Kind"],
            status=content["Status"],
            message=content["Message"],
            advice=content["Advice"],
            datapoints=content["Datapoints"],
            triggered=content["RuleTriggered"],
            violations=content["Violations"],
            parameters={name: value for name, _, value in pairs},
            issues=tuple(Issue(**issue) for issue in content["Issues"]),
            details=content["Details"],
        )


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Write <folder>/<Rule>.json, whole or not at all."""
    with whole_file(folder / f"{verdict.rule}.json") as partial:
        partial.write_text(json.dumps(verdict.to_json(), indent=2, default=str) + "\n")


def read_verdicts(folder: Path) -> list[Verdict]:
    """Every verdict in a folder, by rule name."""
    return [Verdict.from_json(json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]
