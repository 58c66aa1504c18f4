"""The confusion matrix, whose cells open to their images, and the pairs of classes that are confused most."""

from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.page import Note, Part, Section, Table
from local_test.report.cells import LISTED, Cell, confused, shown_cells, shown_classes, shown_images
from local_test.report.content import Content
from local_test.report.fragments import fragment
from local_test.report.names import short, written
from local_test.report.run_files import Prediction

MOST_ENTRIES = 4000  # images that cells tell of, with or without a picture: half a megabyte of names
SIZES = ((20, "large"), (60, "middle"))  # most classes with cells of that size; of more they are small
STRENGTHS = 5
UNKNOWN = (
    "Which images those are, this run did not write down: the same training command writes predictions.csv, without "
    "training again."
)


def confusion_section(content: Content) -> Section:
    counts = content.counts
    if not counts:
        return Section(id="confusion", title="Confusion matrix", parts=[Note(text="The run was not measured.")])
    parts: list[Part] = [fragment("matrix", _matrix(content, counts)), *_confused(content, counts)]
    if not content.files.predictions:
        parts.insert(1, Note(text=UNKNOWN))
    return Section(id="confusion", title="Confusion matrix", parts=parts)


def data(content: Content) -> dict[str, object]:
    """What the page's script shows of each cell. A picture that the page has elsewhere is told by its number."""
    counts, left, cells = content.counts, MOST_ENTRIES, {}
    for row, column in shown_cells(len(content.classes), counts):
        chosen = shown_images(content.cells.get((row, column), []))[:left]
        left -= len(chosen)
        cells[f"{row},{column}"] = {
            "count": counts[row, column],
            "order": "the least sure first" if row == column else "the surest first",
            "images": [_entry(each, content) for each in chosen],
        }
    return {"classes": [written(name) for name in content.classes], "cells": cells, "unknown": UNKNOWN}


def _entry(prediction: Prediction, content: Content) -> dict[str, object]:
    path, album = prediction.path, content.album
    return {
        "path": short(path),
        "probability": round(prediction.probability, 4),
        "trueProbability": round(prediction.true_probability, 4),
        "picture": album.number(path),
        "source": None if path in content.static_pictures else album.sources.get(path),
        "absent": album.why_absent(path),
    }


def _matrix(content: Content, counts: dict[Cell, int]) -> dict[str, object]:
    numbers = shown_classes(len(content.classes), counts)
    totals = {row: sum(count for (i, _), count in counts.items() if i == row) for row in numbers}
    names = [written(name) for name in content.classes]
    hidden = len(names) - len(numbers)
    sentence = (
        f"Rows are what an image of {content.files.split} is, columns what it was taken for. Press a number to see the "
        "images; arrow keys go from one to the next."
    )
    if hidden:
        sentence += f" {len(numbers)} of {len(names)} classes, those with most mistakes; {hidden} are left out."
    rows = []
    for row in numbers:
        cells: list[dict[str, object] | None] = []
        for column in numbers:
            count = counts.get((row, column), 0)
            says = (
                f"{names[row]}, named rightly: {count}"
                if row == column
                else f"{names[row]}, taken for {names[column]}: {count}"
            )
            cells.append(
                {
                    "key": f"{row},{column}",
                    "count": count,
                    "kind": "right" if row == column else "wrong",
                    "strength": max(1, round(STRENGTHS * count / max(totals[row], 1))),
                    "says": says,
                }
                if count
                else None
            )
        rows.append({"name": names[row], "cells": cells})
    return {
        "title": "Confusion matrix",
        "sentence": sentence,
        "classes": [names[number] for number in numbers],
        "rows": rows,
        "size": next((size for most, size in SIZES if len(numbers) <= most), "small"),
    }


def _confused(content: Content, counts: dict[Cell, int]) -> list[Part]:
    wrong = confused(counts)
    if not wrong:
        return [Note(text=f"No image of {content.files.split} was named wrongly.")]
    totals = [
        sum(count for (row, _), count in counts.items() if row == number) for number in range(len(content.classes))
    ]
    button = Markup('<button type="button" class="show" data-cell="{}" aria-label="{}">Show</button>')
    rows = []
    for count, (row, column) in wrong[:LISTED]:
        names = written(content.classes[row]), written(content.classes[column])
        share = units.text(count / max(totals[row], 1), units.SHARE)
        rows.append(
            [*names, f"{count:,}", share, button.format(f"{row},{column}", f"{names[0]}, taken for {names[1]}")]
        )
    return [
        Table(
            title="Confused most",
            sentence=f"{min(LISTED, len(wrong))} of {len(wrong):,} pairs of classes.",
            columns=["Is", "Taken for", "How many", "Of the class", "Images"],
            rows=rows,
            numbers=frozenset({2, 3}),
        )
    ]
