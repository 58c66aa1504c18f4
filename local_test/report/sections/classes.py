"""Each class: its images, how well it is told from others, and what it is taken for."""

from collections import Counter

from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.page import Note, Section, Table, sortable
from local_test.report.content import Content
from local_test.report.names import written
from local_test.report.pictures import SPLITS
from local_test.report.sections.data_set import counts


def classes_section(content: Content) -> Section:
    confusion, names = content.files.confusion, content.classes
    if not confusion:
        return Section(id="classes", title="Classes", parts=[Note(text="The run left no confusion_matrix.csv.")])
    images = counts(content.readable)
    splits = [split for split in SPLITS if images[split]]
    predicted = [sum(row[number] for row in confusion) for number in range(len(names))]
    rows = []
    for number, (name, row) in enumerate(zip(names, confusion, strict=True)):
        hits, total = row[number], sum(row)
        precision = hits / predicted[number] if predicted[number] else None
        recall = hits / total if total else None
        both = 2 * hits / (predicted[number] + total) if predicted[number] + total else None
        others = Counter({names[other]: count for other, count in enumerate(row) if count and other != number})
        rows.append(
            [
                written(name),
                *(sortable(images[split][name], f"{images[split][name]:,}") for split in splits),
                *(_share(value) for value in (precision, recall, both)),
                ", ".join(f"{written(other)} ({count})" for other, count in others.most_common(3)),
            ]
        )
    columns = ["Class", *(f"In {split}" for split in splits), "Precision", "Recall", "F1", "Taken for"]
    sentence = f"Measured on {content.files.split}. Press a heading to sort by it."
    numbers = frozenset(range(1, len(columns) - 1))
    table = Table(title="", sentence=sentence, columns=columns, rows=rows, numbers=numbers, sortable=True)
    return Section(id="classes", title="Classes", parts=[table])


def _share(value: float | None) -> str | Markup:
    return units.MISSING if value is None else sortable(value, f"{100 * value:.1f} %")
