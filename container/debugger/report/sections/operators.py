"""What the steps under torch.profiler were made of: the costliest operators, and who called them."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.collect import Content
from container.debugger.report.flame import flame
from container.debugger.report.page import Chart, Note, Part, Section, Table

NO_OPERATORS = (
    "No step was run under the operator profiler: run the job with debugger=true for more steps, or choose others by "
    "DetailedProfilingConfig with StartStep and NumSteps in profilerconfig.json."
)
TOP = 15
MAX_WINDOWS = 3  # the latest ones


def operators_section(content: Content) -> Section:
    parts: list[Part] = []
    for window in content.operators[-MAX_WINDOWS:]:
        operators = sorted(window.get("operators") or [], key=lambda operator: -operator["self_us"])
        if operators:
            parts.append(_table(window, operators))
        root = window.get("flame")
        if root and root.get("us"):
            parts.append(_flame(root))
    return Section(id="operators", title="Operators", parts=parts or [Note(text=NO_OPERATORS)])


def _table(window: dict[str, Any], operators: Sequence[dict[str, Any]]) -> Table:
    total = sum(operator["self_us"] for operator in operators) or 1
    top = operators[0]
    first, last = window.get("steps") or (0, 0)
    return Table(
        title=f"Top operators, steps {first} to {last}",
        sentence=f"{top['name']} takes {units.text(top['self_us'] / total, units.SHARE)} of the operators' own time.",
        columns=("Operator", "Device", "Calls", "Own time", "Total", "Share"),
        rows=[_row(operator, total) for operator in operators[:TOP]],
        numbers=frozenset({2, 3, 4}),
    )


def _row(operator: dict[str, Any], total: float) -> list[str | Markup]:
    share = operator["self_us"] / total
    meter = Markup('<svg class="meter" aria-hidden="true"><rect width="{:.1f}%" height="10"/></svg>').format(
        100 * share
    )
    return [
        Markup("<code>{}</code>").format(operator["name"]),
        str(operator.get("device", "cpu")),
        f"{operator['calls']:,}",
        units.text(operator["self_us"] / 1e6, units.SECONDS),
        units.text(operator["total_us"] / 1e6, units.SECONDS),
        Markup("{}{}").format(meter, units.text(share, units.SHARE)),
    ]


def _flame(root: dict[str, Any]) -> Chart:
    return Chart(
        title="Flame view",
        sentence="Each box is as wide as the time it took and stands below its caller; select one to widen it.",
        drawing=flame(root, "Flame view of the operators"),
    )
