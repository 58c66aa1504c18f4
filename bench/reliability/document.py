"""The table of docs/reliability.md, made of bench/results/reliability.json.

    python -m bench.reliability.document

writes it into the page; a test holds both together.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.loops import PROJECT_DIR
from bench.record import Record, read_records
from bench.reliability.goals import rows, summary

RESULTS_PATH = PROJECT_DIR / "bench" / "results" / "reliability.json"
PAGE_PATH = PROJECT_DIR / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: python -m bench.reliability.document -->", "<!-- end of figures -->"
NOT_RECORDED = "Not recorded yet: `make bench-reliability`."


def figures(results_path: Path) -> str:
    """The figures as Markdown: where they were measured, a table, and what was met."""
    if not results_path.is_file():
        return NOT_RECORDED
    records = read_records(results_path)
    machine = json.loads(results_path.read_text())[0]["machine"]
    where = f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']:.0f} GiB, torch {machine['torch']}"
    return f"{where}. {summary(records)}\n\n{markdown_table(records)}"


def markdown_table(records: Sequence[Record]) -> str:
    """A line for each record; a scenario's name stands in its first."""
    lines = ["| scenario | figure | measured | goal | |", "|---|---|---|---|---|"]
    last = ""
    for scenario, *cells in rows(records):
        lines.append(f"| {scenario if scenario != last else ''} | {' | '.join(cells)} |")
        last = scenario
    return "\n".join(lines)


def with_figures(page: str, text: str) -> str:
    """The page with the text between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def main() -> int:
    PAGE_PATH.write_text(with_figures(PAGE_PATH.read_text(), figures(RESULTS_PATH)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
