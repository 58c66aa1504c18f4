"""What the rules found: the issues with their advice, then every rule in a table."""

from collections.abc import Sequence

from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.collect import Content
from container.debugger.report.page import Finding, Findings, Note, Part, Section, Table
from container.debugger.report.summary import WORDS, ranked
from container.debugger.verdict import ISSUES, Issue, Verdict

UNSET = ("", "None", "[]", "()")  # parameters that say nothing
SHOWN_ISSUES = 6  # of one rule; its JSON has more
NO_RULES = "No rule has written a verdict: run the job with the hyperparameters debugger=true and rules=default."


def rules_section(content: Content) -> Section:
    verdicts = ranked(content.verdicts)
    found = [verdict for verdict in verdicts if verdict.status == ISSUES]
    parts: list[Part] = []
    if found:
        parts.append(Findings(findings=[_finding(verdict) for verdict in found]))
    parts.append(_table(verdicts) if verdicts else Note(text=NO_RULES))
    if content.damaged:
        parts.append(
            Note(
                text=f"These files could not be read: {', '.join(content.damaged)}; remove them, or run the job again."
            )
        )
    return Section(id="rules", title="Rules", parts=parts)


def _finding(verdict: Verdict) -> Finding:
    more = [written for issue in verdict.issues if (written := _issue(issue)) != verdict.message]
    return Finding(
        rule=verdict.rule, message=verdict.message, advice=verdict.advice, more=_first_and_last(more, SHOWN_ISSUES)
    )


def _issue(issue: Issue) -> str:
    """An issue's sentence; where it says no step itself, the step comes with it."""
    if issue.step is None or "step" in issue.message:
        return issue.message
    return f"{issue.message} (step {issue.step:,})"


def _first_and_last(items: Sequence[str], limit: int) -> list[str]:
    if len(items) <= limit:
        return list(items)
    return [*items[: limit - 1], "…", items[-1]]


def _table(verdicts: Sequence[Verdict]) -> Table:
    return Table(
        title="All rules",
        sentence="Issues come first; datapoints are the values that a rule looked at.",
        columns=("Rule", "What it says", "Triggered", "Violations", "Datapoints", "Parameters"),
        rows=[_row(verdict) for verdict in verdicts],
        numbers=frozenset({2, 3, 4}),
    )


def _row(verdict: Verdict) -> list[str | Markup]:
    advice = Markup('<p class="advice">{}</p>').format(verdict.advice) if verdict.status == ISSUES else Markup("")
    set_ones = {name: value for name, value in verdict.parameters.items() if str(value) not in UNSET}
    parameters = ", ".join(f"{name} {value}" for name, value in set_ones.items())
    return [
        Markup("<strong>{}</strong><br>{}").format(verdict.rule, status_mark(verdict.status)),
        Markup('<div class="says">{}{}</div>').format(verdict.message, advice),
        f"{verdict.triggered:,}",
        f"{verdict.violations:,}",
        f"{verdict.datapoints:,}",
        Markup('<div class="small">{}</div>').format(parameters or units.MISSING),
    ]


def status_mark(status: str) -> Markup:
    """The status in words, with its colour and a sign for those who see no colours."""
    sign = {"IssuesFound": "▲", "Error": "✕", "NoIssuesFound": "✓"}.get(status, "○")
    return Markup('<span class="status {}">{} {}</span>').format(status.lower(), sign, WORDS.get(status, status))
