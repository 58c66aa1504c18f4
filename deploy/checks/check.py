"""One line of doctor's table."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from deploy.context import Context
from deploy.errors import AwsError, DeployError


class Verdict(StrEnum):
    OK = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"  # could not be looked at, for the reason that the line gives


@dataclass(frozen=True)
class Check:
    subject: str
    verdict: Verdict
    detail: str
    mend: str = ""  # the command that mends it


Look = Callable[[Context], list[Check]]


def ok(subject: str, detail: str) -> Check:
    return Check(subject, Verdict.OK, detail)


def missing(subject: str, detail: str, mend: str = "") -> Check:
    return Check(subject, Verdict.MISSING, detail, mend)


def unknown(subject: str, detail: str) -> Check:
    return Check(subject, Verdict.UNKNOWN, detail)


def carry_out(subject: str, look: Look, context: Context) -> list[Check]:
    """The lines of one check; where AWS refuses to say, or something is wrong, its sentence is the line."""
    try:
        return look(context)
    except AwsError as error:
        return [unknown(subject, str(error))]
    except DeployError as error:
        return [missing(subject, str(error))]


def table(checks: list[Check]) -> str:
    """Three columns, with what mends it below each line that needs it."""
    subject_width = max(len(check.subject) for check in checks)
    verdict_width = max(len(verdict) for verdict in Verdict)
    indent = " " * (subject_width + verdict_width + 4)
    lines = []
    for check in checks:
        lines.append(f"{check.subject:<{subject_width}}  {check.verdict:<{verdict_width}}  {check.detail}")
        if check.mend:
            lines.append(f"{indent}-> {check.mend}")
    return "\n".join(lines)
