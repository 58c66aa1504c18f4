"""What every part of the benchmark is: a name, a measurement, a chart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figure import draw
from bench.record import Record, table

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
    measure_rounds: Callable[[Path, int], list[Record]] | None = None  # with a stated number of rounds
    panels: Callable[[Sequence[Record]], Panels] = lambda records: {"": records}
    columns: int = 1
    chart: Callable[[str, Sequence[Record], Path], None] | None = None  # in place of panels of bars
    show: Callable[[Sequence[Record]], str] = table  # the records for a terminal
    check: Callable[[], None] = lambda: None
    only_by_name: bool = False  # measured when it is named: few machines have what it needs

    def draw(self, title: str, records: Sequence[Record], path: Path) -> None:
        """Write the chart."""
        if self.chart is not None:
            self.chart(title, records, path)
        else:
            draw(title, self.panels(records), path, columns=self.columns)
