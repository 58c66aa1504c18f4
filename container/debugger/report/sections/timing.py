"""Where the time went: the job as a whole, the phases of steps, and how long steps took."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from container.debugger.report import units
from container.debugger.report.charts import Line, histogram, line_chart, stacked_bars
from container.debugger.report.collect import Content
from container.debugger.report.page import Chart, Key, Note, Part, Section, Table, Tile, Tiles
from container.debugger.report.timing import MODES, OTHER, PHASES, JobTime, Steps, job_time, whole_steps

NO_TIMELINE = (
    "The job recorded no timeline of its phases: run it with the hyperparameter debugger=true, and without "
    "DisableProfiler in profilerconfig.json."
)
TONES = {"DataLoading": 2, "Forward": 1, "Backward": 4, "Optimizer": 3, OTHER: 8}
JOB_TONES = {
    "Initialization": 2,
    "Training steps": 1,
    "Evaluation steps": 3,
    "Checkpoint": 5,
    "Between steps": 8,
    "Finalization": 4,
}
WORDS = {"TRAIN": "Training", "EVAL": "Evaluation"}
SLOWEST = 8


def timing_section(content: Content) -> Section:
    time = job_time(content.events, content.system)
    if time is None:
        return Section(id="time", title="Time", parts=[Note(text=NO_TIMELINE)])
    steps = [found for mode in MODES if (found := whole_steps(content.events, mode))]
    parts: list[Part] = [Tiles(tiles=_tiles(time, steps)), _job_chart(time)]
    if any(len(found.phases.columns) for found in steps):
        parts.append(phase_chart([(WORDS[found.mode], found) for found in steps]))
    if not steps:
        parts.append(Note(text="The timeline has no step yet; run the report again when training has begun."))
    else:
        parts += _step_parts(steps[0])
    return Section(id="time", title="Time", parts=parts)


def _tiles(time: JobTime, steps: Sequence[Steps]) -> list[Tile]:
    started = datetime.fromtimestamp(time.start, UTC)
    tiles = [
        Tile(label="Started", value=f"{started:%H:%M:%S}", note=f"{started:%d %B %Y}, UTC"),
        Tile(label="Duration", value=units.text(time.total, units.SECONDS)),
    ]
    for found in steps:
        median, outliers = float(np.median(found.seconds)), int(found.is_outlier.sum())
        tiles.append(
            Tile(
                label=f"{WORDS[found.mode]} step, median",
                value=units.text(median, units.SECONDS),
                note=f"{len(found.seconds):,} steps, {outliers:,} outlier{'s' if outliers != 1 else ''}",
            )
        )
    return tiles


def _job_chart(time: JobTime) -> Chart:
    parts = {name: seconds for name, seconds in time.parts.items() if seconds > 0}
    share = parts.get("Training steps", 0) / (sum(parts.values()) or 1)
    return Chart(
        title="The job",
        sentence=f"{units.text(share, units.SHARE)} of the job's time were training steps.",
        drawing=stacked_bars([("Whole job", parts)], JOB_TONES, "How the job's time divides"),
        keys=[
            Key(label=name, tone=JOB_TONES[name], value=units.text(value, units.SECONDS))
            for name, value in parts.items()
        ],
    )


def phase_chart(rows: Sequence[tuple[str, Steps]]) -> Chart:
    """Shares of the phases inside steps, a bar per row."""
    sums = {label: {str(name): float(value) for name, value in found.phases.sum().items()} for label, found in rows}
    first = next(iter(sums.values()))
    largest = max(first, key=lambda name: first[name]) if first else OTHER
    share = first.get(largest, 0) / (sum(first.values()) or 1)
    names = [name for name in (*PHASES, OTHER) if any(name in row for row in sums.values())]
    return Chart(
        title="Phases of a step",
        sentence=f"{rows[0][0]}: {largest} takes the most time, {units.text(share, units.SHARE)} of the steps.",
        drawing=stacked_bars(
            [(label, {name: row[name] for name in names if name in row}) for label, row in sums.items()],
            TONES,
            "Phases of a step",
        ),
        keys=[Key(label=name, tone=TONES[name]) for name in names],
    )


def _step_parts(steps: Steps) -> list[Part]:
    outliers = int(steps.is_outlier.sum())
    limit = units.text(steps.limit, units.SECONDS)
    word = WORDS[steps.mode]
    parts: list[Part] = [
        Chart(
            title=f"{word} steps by duration",
            sentence=f"{outliers:,} of {len(steps.seconds):,} steps took longer than {limit}, the mean plus 3 standard "
            "deviations; the bar at the right counts those.",
            drawing=histogram(steps.seconds, f"{word} steps by duration", kind=units.SECONDS, cut=steps.limit),
            x_label="duration of a step",
        ),
        Chart(
            title=f"{word} steps over time",
            sentence="The duration of every step in order, the slowest of each stretch among them.",
            drawing=line_chart(
                [Line(label="step", x=steps.starts - steps.starts[0], y=steps.seconds, tone=1)],
                f"{word} steps over time",
                from_zero=True,
                x_kind=units.ELAPSED,
                y_kind=units.SECONDS,
                height=140,
            ),
            x_label="time since the first step",
        ),
    ]
    return [*parts, _slowest(steps)] if outliers else parts


def _slowest(steps: Steps) -> Table:
    order = np.argsort(-steps.seconds)[: min(SLOWEST, int(steps.is_outlier.sum()))]
    usual = steps.phases.median()
    rows = []
    for index in order:
        extra = (steps.phases.iloc[index] - usual).sort_values(ascending=False)
        blame = (
            f"{extra.index[0]}, {units.text(float(extra.iloc[0]), units.SECONDS)} more" if len(extra) else units.MISSING
        )
        since = units.text(steps.starts[index] - steps.starts[0], units.ELAPSED)
        rows.append([f"{steps.numbers[index]:,.0f}", since, units.text(steps.seconds[index], units.SECONDS), blame])
    return Table(
        title="Slowest steps",
        sentence="Which phase took more than it usually does.",
        columns=("Step", "After", "Duration", "Mostly because of"),
        rows=rows,
        numbers=frozenset({0, 1, 2}),
    )
