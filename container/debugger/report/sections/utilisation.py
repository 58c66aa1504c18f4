"""How busy the machines were, over time and in percentiles."""

from collections.abc import Sequence

from container.debugger.report import units
from container.debugger.report.charts import TONES, Line, line_chart
from container.debugger.report.collect import Content
from container.debugger.report.page import Chart, Key, Note, Pair, Part, Section, Table
from container.debugger.report.usage import Gauge, gauges

NO_SYSTEM = (
    "No system metrics were recorded: run the job with the hyperparameter debugger=true, and without DisableProfiler "
    "in profilerconfig.json."
)
NO_GPU = "No GPU was seen on this run, so there is nothing to say of GPUs."
TITLES = {"gpu": "GPU", "cpu": "Processor", "memory": "Memory", "disk": "Disk", "network": "Network"}


def utilisation_section(content: Content) -> Section:
    found = gauges(content.system)
    if not found:
        return Section(id="utilisation", title="Utilisation", parts=[Note(text=NO_SYSTEM)])
    parts: list[Part] = []
    start = min(float(gauge.time[0]) for gauge in found)
    charts = [
        _chart(group, title, members[:TONES], start)
        for group, title in TITLES.items()
        if (members := [gauge for gauge in found if gauge.group == group and (gauge.value.any() or group == "gpu")])
    ]
    parts.append(Pair(charts=charts))
    if not any(gauge.group == "gpu" for gauge in found):
        parts.append(Note(text=NO_GPU))
    parts.append(_table(found))
    return Section(id="utilisation", title="Utilisation", parts=parts)


def _chart(group: str, title: str, members: Sequence[Gauge], start: float) -> Chart:
    lines = _lines(members, start)
    kind = members[0].kind
    is_percent = kind == units.PERCENT
    return Chart(
        title=title,
        sentence=_sentence(group, members),
        drawing=line_chart(
            lines,
            f"{title} over time",
            from_zero=True,
            y_high=100.0 if is_percent else None,
            x_kind=units.ELAPSED,
            y_kind=kind,
            height=130,
        ),
        keys=[
            Key(label=line.label, tone=line.tone, value=f"mean {units.text(float(line.y.mean()), kind)}")
            for line in lines
        ],
        x_label="time since the first sample",
    )


def _lines(members: Sequence[Gauge], start: float) -> list[Line]:
    several = len({gauge.node for gauge in members}) > 1
    labels = [f"{gauge.node} {gauge.label}" if several else gauge.label for gauge in members]
    return [
        Line(label=label, x=gauge.time - start, y=gauge.value, tone=tone)
        for tone, (label, gauge) in enumerate(zip(labels, members, strict=True), 1)
    ]


def _sentence(group: str, members: Sequence[Gauge]) -> str:
    first = members[0]
    mean, peak = float(first.value.mean()), float(first.value.max())
    if group == "gpu":
        busy = [gauge for gauge in members if not gauge.label.endswith("memory")] or list(members)
        lowest = min(float(gauge.value.mean()) for gauge in busy)
        wait = " It mostly waits for data or for the processor." if lowest < 40 else ""
        return f"The least busy GPU works {units.text(lowest, units.PERCENT)} of the time.{wait}"
    if group == "cpu":
        limit = " The processor is the limit." if mean > 85 else ""
        return f"All cores together are {units.text(mean, units.PERCENT)} busy on average.{limit}"
    if group == "memory":
        return f"At most {units.text(peak, units.PERCENT)} of the memory was in use."
    largest = max(members, key=lambda gauge: float(gauge.value.max()))
    return f"The peak was {units.text(float(largest.value.max()), units.RATE)} ({largest.label})."


def _table(found: Sequence[Gauge]) -> Table:
    return Table(
        title="In numbers",
        sentence="Percentiles over the whole run.",
        columns=("Node", "What", "Max", "p99", "p95", "p50", "Min"),
        rows=[
            [gauge.node, gauge.label, *(units.text(value, gauge.kind) for value in gauge.quantiles)] for gauge in found
        ],
        numbers=frozenset(range(2, 7)),
    )
