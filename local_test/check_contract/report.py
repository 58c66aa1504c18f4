"""The results as a table for people and as JSON for machines."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from container.whole_file import whole_file
from local_test.check_contract.row import Row, Status
from local_test.check_contract.runner import Result

WORDS = {Status.PASSED: "pass", Status.FAILED: "FAIL", Status.WARNED: "warn", Status.NOT_APPLICABLE: "n/a"}


def table(results: Sequence[Result]) -> str:
    """A line per row, below the name of its mode: status, id, what was seen; the demand too where it was not met."""
    width = max((len(result.row.id) for result in results), default=0)
    lines = []
    for mode, group in groupby(results, key=lambda result: result.row.mode):
        lines.append(f"\n{mode.value}")
        for result in group:
            lines.append(f"  {WORDS[result.outcome.status]:4}  {result.row.id:{width}}  {result.outcome.seen}")
            if result.outcome.status in (Status.FAILED, Status.WARNED):
                lines.append(f"{'':{width + 10}}demanded: {result.row.demand} ({result.row.source})")
    return "\n".join(lines)


def summary(image: str, results: Sequence[Result]) -> str:
    """One sentence."""
    counts = Counter(result.outcome.status for result in results)
    told = ", ".join(f"{counts[status]} {WORDS[status]}" for status in Status if counts[status])
    broken = [result.row.id for result in results if result.breaks_the_contract]
    if broken:
        return f"{image} breaks the contract: {', '.join(broken)}. ({told})"
    return f"{image} keeps the contract, as far as it was checked. ({told})"


def listing(rows: Iterable[Row]) -> str:
    """The rows themselves: id, level and demand, below the name of the mode."""
    lines = []
    for mode, group in groupby(rows, key=lambda row: row.mode):
        lines.append(f"\n{mode.value}")
        for row in group:
            lines.append(f"  {row.id:28} {'required' if row.required else 'recommended':12} {row.demand}")
    return "\n".join(lines).lstrip("\n")


def write_json(path: Path, image: str, image_id: str, results: Sequence[Result]) -> None:
    """Everything that the table says. Written whole or not at all."""
    rows = [
        {
            "id": result.row.id,
            "mode": result.row.mode.value,
            "required": result.row.required,
            "demand": result.row.demand,
            "source": result.row.source,
            "status": result.outcome.status.value,
            "seen": result.outcome.seen,
            "seconds": round(result.seconds, 2),
        }
        for result in results
    ]
    passed = not any(result.breaks_the_contract for result in results)
    content = {"image": image, "image_id": image_id, "keeps_the_contract": passed, "rows": rows}
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")
