"""What every part of the benchmark is: a name, a measurement, a chart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.record import Record

Panels = dict[str, Sequence[Record]]  # heading of a panel -> its records


@dataclass(frozen=True, kw_only=True)
class Part:
    """`measure(work_dir, quick)` gives the records; a quick one shows whether it works, not how fast it is.

    `check()` raises BenchError where something that must be installed is missing, before minutes of measuring.
    """

    name: str
    help: str  # what it measures, and for how long
    title: str  # of the chart
    measure: Callable[[Path, bool], list[Record]]
    panels: Callable[[Sequence[Record]], Panels]
    columns: int = 1
    check: Callable[[], None] = lambda: None
