"""Two runs side by side: what was set differently, and what came of it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.charts import Line, line_chart
from container.debugger.report.collect import Content
from container.debugger.report.page import Chart, Key, Note, Page, Part, Section, Table
from container.debugger.report.render import render_page
from container.debugger.report.sections.curves import NAMES, lines_of, loss_points
from container.debugger.report.sections.rules import status_mark
from container.debugger.report.sections.settings import settings_of
from container.debugger.report.sections.timing import phase_chart
from container.debugger.report.summary import ranked
from container.debugger.report.timing import MODES, job_time, whole_steps
from container.debugger.report.usage import Gauge, gauges
from container.debugger.verdict import ISSUES

NO_METRICS = "metrics.json is missing from one run, so its settings are unknown; a job writes it at its end."
Number = float | None
Measure = tuple[str, str, bool | None, Callable[[Content], Number]]  # name, unit, is more better, what to measure


def render_comparison(a: Content, b: Content) -> str:
    """The HTML that sets run `b` against run `a`."""
    return render_page(
        Page(
            title=f"{a.name} and {b.name}",
            headline=_headline(a, b),
            advice="",
            tone="unknown",
            facts=[("A", a.name), ("B", b.name)],
            sections=[
                Section(id="results", title="Results", parts=[_measures("Results", RESULTS, a, b)]),
                Section(id="settings", title="Settings that differ", parts=[_settings(a, b)]),
                Section(id="rules", title="Rules", parts=[_rules(a, b)]),
                Section(id="training", title="Training", parts=[_losses(a, b)]),
                Section(id="time", title="Time", parts=[_measures("Time", TIMES, a, b), *_phases(a, b)]),
                Section(id="utilisation", title="Utilisation", parts=[_measures("Means", USAGE, a, b)]),
            ],
        )
    )


def _headline(a: Content, b: Content) -> str:
    first, second = _best(a), _best(b)
    if first is None or second is None:
        return "One of the runs has no results, so there is no better one."
    if first == second:
        return f"Both runs reach a validation accuracy of {units.text(first, units.SHARE)}."
    better, worse = ("A", "B") if first > second else ("B", "A")
    high, low = max(first, second), min(first, second)
    return (
        f"{better} reaches a validation accuracy of {units.text(high, units.SHARE)}, "
        f"{worse} one of {units.text(low, units.SHARE)}."
    )


def _best(content: Content) -> Number:
    values = [record.get("valid_accuracy") for record in content.metrics.get("history") or ()]
    return max((value for value in values if value is not None), default=None)


def _last(name: str) -> Callable[[Content], Number]:
    return lambda content: (content.metrics.get("history") or [{}])[-1].get(name)


def _test_accuracy(content: Content) -> Number:
    test: Any = content.metrics.get("test")
    return test.get("accuracy") if isinstance(test, dict) else None


def _step_seconds(mode: str, percentile: float) -> Callable[[Content], Number]:
    def measure(content: Content) -> Number:
        steps = whole_steps(content.events, mode)
        return float(np.percentile(steps.seconds, percentile)) if steps else None

    return measure


def _duration(content: Content) -> Number:
    time = job_time(content.events, content.system)
    return time.total if time else None


def _mean(is_meant: Callable[[Gauge], bool]) -> Callable[[Content], Number]:
    """The mean over time and nodes of the gauges that are meant."""

    def measure(content: Content) -> Number:
        means = [float(gauge.value.mean()) for gauge in gauges(content.system) if is_meant(gauge)]
        return sum(means) / len(means) if means else None

    return measure


def _is_gpu_memory(gauge: Gauge) -> bool:
    return gauge.group == "gpu" and gauge.label.endswith("memory")


RESULTS: Sequence[Measure] = (
    ("Best validation accuracy", units.SHARE, True, _best),
    ("Test accuracy", units.SHARE, True, _test_accuracy),
    ("Last validation loss", units.NUMBER, False, _last("valid_loss")),
    ("Last training loss", units.NUMBER, False, _last("train_loss")),
    ("Images per second", units.NUMBER, True, _last("images_per_second")),
)
TIMES: Sequence[Measure] = (
    ("Whole job", units.SECONDS, False, _duration),
    ("Training step, median", units.SECONDS, False, _step_seconds("TRAIN", 50)),
    ("Training step, 95 % are faster", units.SECONDS, False, _step_seconds("TRAIN", 95)),
    ("Evaluation step, median", units.SECONDS, False, _step_seconds("EVAL", 50)),
)
USAGE: Sequence[Measure] = (
    ("GPUs", units.PERCENT, True, _mean(lambda gauge: gauge.group == "gpu" and not _is_gpu_memory(gauge))),
    ("GPU memory", units.PERCENT, None, _mean(_is_gpu_memory)),
    ("All cores", units.PERCENT, None, _mean(lambda gauge: gauge.label == "all cores")),
    ("I/O wait", units.PERCENT, False, _mean(lambda gauge: gauge.label == "I/O wait")),
    ("Memory used", units.PERCENT, None, _mean(lambda gauge: gauge.group == "memory")),
)


def _measures(title: str, measures: Sequence[Measure], a: Content, b: Content) -> Part:
    rows = []
    for name, kind, more_is_better, measure in measures:
        first, second = measure(a), measure(b)
        if first is not None or second is not None:
            change = _change(first, second, more_is_better)
            rows.append([name, units.text(first, kind), units.text(second, kind), change])
    if not rows:
        return Note(text=f"{title}: neither run recorded any; their own reports say what would bring them.")
    return Table(
        title="",
        sentence="The change is from A to B; green is better.",
        columns=("", "A", "B", "Change"),
        rows=rows,
        numbers=frozenset({1, 2, 3}),
    )


def _change(first: Number, second: Number, more_is_better: bool | None) -> Markup | str:
    if not first or second is None:
        return units.MISSING
    change = second / first - 1
    if abs(change) < 0.005:
        return "same"
    kind = "" if more_is_better is None else "better" if (change > 0) == more_is_better else "worse"
    return Markup('<span class="{}">{}{} %</span>').format(
        kind, "+" if change > 0 else units.MINUS, f"{abs(100 * change):.3g}"
    )


def _settings(a: Content, b: Content) -> Part:
    rows = []
    for key in ("hyperparameters", "versions"):
        first, second = settings_of(a.metrics, key), settings_of(b.metrics, key)
        for name in sorted(first.keys() | second.keys()):
            if first.get(name) != second.get(name):
                rows.append([name, first.get(name, units.MISSING), second.get(name, units.MISSING)])
    if not a.metrics or not b.metrics:
        return Note(text=NO_METRICS)
    if not rows:
        return Note(text="Both runs have the same hyperparameters and versions.")
    return Table(title="", sentence="All others are the same.", columns=("Name", "A", "B"), rows=rows)


def _rules(a: Content, b: Content) -> Part:
    first, second = ({verdict.rule: verdict for verdict in run.verdicts} for run in (a, b))
    names = list(dict.fromkeys(verdict.rule for verdict in ranked([*a.verdicts, *b.verdicts])))
    if not names:
        return Note(text="No rule has judged either run; run them with the hyperparameter debugger=true.")
    rows: list[list[str | Markup]] = []
    for name in names:
        found = [run.get(name) for run in (first, second)]
        says = next((verdict.message for verdict in reversed(found) if verdict and verdict.status == ISSUES), "")
        marks: list[str | Markup] = [status_mark(verdict.status) if verdict else units.MISSING for verdict in found]
        rows.append(
            [Markup("<strong>{}</strong>").format(name), *marks, Markup('<div class="says">{}</div>').format(says)]
        )
    return Table(
        title="",
        sentence="What a rule found is B's where both have issues.",
        columns=("Rule", "A", "B", "What it found"),
        rows=rows,
    )


def _losses(a: Content, b: Content) -> Part:
    lines: list[Line] = []
    for number, (run, name) in enumerate(((a, "A"), (b, "B"))):
        for curve in run.tensors.losses:
            label = f"{name}, {NAMES.get(curve.mode, curve.mode)}"
            tone = 1 + number + (2 if curve.mode == "EVAL" else 0)
            lines += lines_of(label, *loss_points(curve, run.tensors.losses), tone)
    if not lines:
        return Note(text="Neither run saved its loss per step: add the collection losses to debughookconfig.json.")
    return Chart(
        title="Loss per step",
        sentence="Both runs over the same steps, training and validation counted together.",
        drawing=line_chart(lines, "Loss per step of both runs", height=240),
        keys=[Key(label=line.label, tone=line.tone, value=units.text(line.y[-1])) for line in lines if not line.faint],
        x_label="step",
    )


def _phases(a: Content, b: Content) -> list[Part]:
    found = [(name, whole_steps(run.events, MODES[0])) for run, name in ((a, "A"), (b, "B"))]
    rows = [(name, steps) for name, steps in found if steps and len(steps.phases.columns)]
    return (
        [phase_chart(rows)]
        if rows
        else [Note(text="Neither run has a timeline of phases; run them with debugger=true.")]
    )
