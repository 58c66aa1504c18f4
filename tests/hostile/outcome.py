"""What became of each hostile input, and the table that is made of many."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MOST_SECONDS = 5.0
NO_ANSWER = 0  # in the place of a status
ALLOWED_SERVER_ERRORS = {501, 505}  # a transfer coding or an HTTP version that the server does not know


@dataclass(frozen=True)
class Outcome:
    """`status` is HTTP's, 200 where any image was read; `problem` is empty if all was as it must be."""

    name: str
    status: int
    seconds: float
    memory_mib: float = 0.0  # by which the process grew at most
    problem: str = ""

    @property
    def family(self) -> str:
        return self.name.partition("/")[0]


def problem_of(status: int, seconds: float) -> str:
    """What is forbidden about an answer, or nothing."""
    if status >= 500 and status not in ALLOWED_SERVER_ERRORS:
        return f"status {status}"
    return f"{seconds:.1f} s" if seconds > MOST_SECONDS else ""


def problems(outcomes: Sequence[Outcome]) -> list[str]:
    return [f"{outcome.name}: {outcome.problem}" for outcome in outcomes if outcome.problem]


def table(outcomes: Sequence[Outcome]) -> str:
    """A line for each family: how many, with which statuses, the slowest, the most memory, and what was forbidden."""
    lines = [f"{'family':10} {'inputs':>7}  {'forbidden':>9}  {'slowest':>8}  {'memory':>9}  statuses"]
    for family in dict.fromkeys(outcome.family for outcome in outcomes):
        lines.append(_line(family, [outcome for outcome in outcomes if outcome.family == family]))
    lines.append(_line("all", outcomes))
    slowest = sorted(outcomes, key=lambda outcome: -outcome.seconds)[:5]
    lines += ["", "slowest: " + ", ".join(f"{outcome.name} {outcome.seconds:.2f} s" for outcome in slowest)]
    return "\n".join(lines + [f"FORBIDDEN  {problem}" for problem in problems(outcomes)])


def _line(family: str, outcomes: Sequence[Outcome]) -> str:
    statuses = Counter(outcome.status for outcome in outcomes)
    counts = "  ".join(f"{status or 'closed'}: {statuses[status]}" for status in sorted(statuses))
    slowest = max((outcome.seconds for outcome in outcomes), default=0)
    memory = max((outcome.memory_mib for outcome in outcomes), default=0)
    return f"{family:10} {len(outcomes):7}  {len(problems(outcomes)):9}  {slowest:6.2f} s  {memory:5.0f} MiB  {counts}"
