"""How training went: loss per step with the rules' events, and loss and accuracy per epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from container.debugger.report import units
from container.debugger.report.charts import Event, Line, line_chart
from container.debugger.report.collect import Content
from container.debugger.report.page import Chart, Key, Note, Pair, Part, Section, Tile, Tiles
from container.debugger.report.summary import ranked
from container.debugger.report.tensors import LossCurve
from container.debugger.report.thin import Series, moving_average
from container.debugger.verdict import ISSUES, TENSOR, Verdict

NO_LOSSES = (
    "No loss was saved per step: add the collection losses to debughookconfig.json, or run the job without that file."
)
NO_METRICS = (
    "metrics.json is not there: the job writes it at its end, so this one has failed, was stopped, or still runs."
)
NAMES = {"TRAIN": "training", "EVAL": "validation", "GLOBAL": "loss"}
TONES = {"TRAIN": 1, "EVAL": 2, "GLOBAL": 1}
MAX_EVENTS = 12


def curves_section(content: Content) -> Section:
    parts: list[Part] = []
    if content.metrics:
        parts.append(Tiles(tiles=_tiles(content.metrics)))
    losses = content.tensors.losses
    parts.append(loss_chart(losses, content.verdicts) if losses else Note(text=content.tensors.missing or NO_LOSSES))
    history = content.metrics.get("history") or []
    if history:
        parts.append(Pair(charts=[per_epoch(history, "loss"), per_epoch(history, "accuracy")]))
    elif not content.metrics:
        parts.append(Note(text=NO_METRICS))
    return Section(id="training", title="Training", parts=parts)


def _tiles(metrics: dict[str, Any]) -> list[Tile]:
    history = metrics.get("history") or [{}]
    test = metrics.get("test") if isinstance(metrics.get("test"), dict) else {}
    best = max((record.get("valid_accuracy") for record in history if "valid_accuracy" in record), default=None)
    return [
        Tile(label="Best validation accuracy", value=units.text(best, units.SHARE)),
        Tile(label="Test accuracy", value=units.text((test or {}).get("accuracy"), units.SHARE)),
        Tile(label="Last training loss", value=units.text(history[-1].get("train_loss"))),
        Tile(label="Images per second", value=units.text(history[-1].get("images_per_second"))),
        Tile(label="Epochs", value=str(len(metrics.get("history") or []))),
    ]


def loss_chart(losses: Sequence[LossCurve], verdicts: Sequence[Verdict]) -> Chart:
    """Loss per step: every saved one faintly, and the mean of the last few on top."""
    lines = [
        line
        for curve in losses
        for line in lines_of(NAMES.get(curve.mode, curve.mode), *loss_points(curve, losses), TONES.get(curve.mode, 3))
    ]
    events = rule_events(verdicts)
    return Chart(
        title="Loss per step",
        sentence="Each saved step's loss and its moving average, and the mean of each evaluation.",
        drawing=line_chart(lines, "Loss per step", events=events),
        keys=[Key(label=line.label, tone=line.tone, value=units.text(line.y[-1])) for line in lines if not line.faint],
        notes=[event.label for event in events],
        x_label="step, training and validation counted together",
    )


def loss_points(curve: LossCurve, losses: Sequence[LossCurve]) -> tuple[Series, Series]:
    """Steps and losses of a curve, finite ones only; of an evaluation, between two stretches of training, the mean."""
    x, y = np.array(curve.steps, float), np.array(curve.values, float)
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    training = [other.steps for other in losses if other.mode == "TRAIN"]
    if curve.mode != "EVAL" or not training or not len(x):
        return x, y
    _, groups = np.unique(np.searchsorted(training[0], x), return_inverse=True)
    counts = np.bincount(groups)
    return np.bincount(groups, x) / counts, np.bincount(groups, y) / counts


def lines_of(label: str, x: Series, y: Series, tone: int) -> list[Line]:
    """A series as it is, faintly, and its moving average; a short one as it is only, an empty one not at all."""
    if not len(x):
        return []
    if len(x) < 20:
        return [Line(label=label, x=x, y=y, tone=tone)]
    smooth = moving_average(y, max(3, len(x) // 25))
    return [
        Line(label=f"{label}, each step", x=x, y=y, tone=tone, faint=True),
        Line(label=label, x=x, y=smooth, tone=tone),
    ]


def rule_events(verdicts: Sequence[Verdict]) -> list[Event]:
    """The first step at which each tensor rule found an issue, by step."""
    events = []
    for verdict in ranked(verdicts):
        steps = [issue.step for issue in verdict.issues if issue.step is not None]
        if verdict.kind == TENSOR and verdict.status == ISSUES and steps:
            events.append(Event(x=min(steps), label=f"{verdict.rule}, step {min(steps):,}"))
    return sorted(events[:MAX_EVENTS], key=lambda event: event.x)


def per_epoch(history: Sequence[dict[str, Any]], metric: str) -> Chart:
    lines = []
    for split, label, tone in (("train", "training", 1), ("valid", "validation", 2), ("valid_top5", "top 5", 3)):
        pairs = [(number, record.get(f"{split}_{metric}")) for number, record in enumerate(history, 1)]
        points = np.array([(x, y) for x, y in pairs if isinstance(y, (int, float))], float).reshape(-1, 2)
        if len(points):
            lines.append(Line(label=label, x=points[:, 0], y=points[:, 1], tone=tone))
    kind = units.SHARE if metric == "accuracy" else units.NUMBER
    return Chart(
        title=f"{metric.capitalize()} per epoch",
        sentence=_gap(lines, metric),
        drawing=line_chart(lines, f"{metric} per epoch", y_kind=kind, y_high=1.0 if metric == "accuracy" else None),
        keys=[Key(label=line.label, tone=line.tone, value=units.text(line.y[-1], kind)) for line in lines],
        x_label="epoch",
    )


def _gap(lines: Sequence[Line], metric: str) -> str:
    """One sentence on how far training and validation end apart."""
    last = {line.label: float(line.y[-1]) for line in lines if len(line.y)}
    if not {"training", "validation"} <= last.keys():
        return f"The {metric} of every epoch."
    kind = units.SHARE if metric == "accuracy" else units.NUMBER
    gap = units.text(abs(last["training"] - last["validation"]), kind)
    return f"After the last epoch, training and validation are {gap} apart."
