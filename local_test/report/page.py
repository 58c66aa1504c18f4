"""The page of a run: what was measured, on which images, and what went wrong."""

from pathlib import Path

from container.debugger.report import units
from container.debugger.report.page import Note, Page, Pair, Part, Section, Tile, Tiles
from container.debugger.report.render import TEMPLATES_DIR, render_page
from container.debugger.report.sections.curves import per_epoch
from local_test.report import fragments
from local_test.report.content import Content
from local_test.report.names import written
from local_test.report.sections import confusion
from local_test.report.sections.calibration import calibration_section
from local_test.report.sections.classes import classes_section
from local_test.report.sections.data_set import data_section
from local_test.report.sections.mistakes import mistakes_section
from local_test.report.sections.others import others_section

FACTS = ("backbone", "fine_tune", "image_size", "batch_size", "learning_rate", "num_epochs")


def render(content: Content, page: Path) -> str:
    """The page's HTML, which is to lie at `page`."""
    style = (fragments.TEMPLATES_DIR / "run_report.css").read_text()
    script = (TEMPLATES_DIR / "sortable.js").read_text() + (fragments.TEMPLATES_DIR / "run_report.js").read_text()
    return render_page(_page(content, page), style=style, script=script, data=confusion.data(content), has_images=True)


def _page(content: Content, page: Path) -> Page:
    hyperparameters = content.files.hyperparameters
    return Page(
        kicker="Run report",
        title=written(content.name),
        headline=_headline(content),
        advice=_advice(content),
        tone="bad" if content.look_alikes.between("test", "train") else "unknown",
        facts=[(name, written(str(hyperparameters[name]))) for name in FACTS if name in hyperparameters],
        sections=[
            data_section(content),
            _training(content),
            confusion.confusion_section(content),
            mistakes_section(content),
            calibration_section(content),
            classes_section(content),
            others_section(content.files.root, page),
        ],
    )


def _headline(content: Content) -> str:
    metrics, split = content.files.metrics, content.files.split
    accuracy = (metrics.get(split) or {}).get("accuracy")
    if accuracy is None:
        return "The run was stopped before its model was measured."
    number = (metrics.get("num_images") or {}).get(split)
    of_all = f" of {number:,} images" if number else ""
    return f"{100 * accuracy:.1f} %{of_all} of {split} are named rightly."


def _advice(content: Content) -> str:
    """What to know before the number above is believed."""
    if content.files.metrics.get("failure"):
        return f"The job failed: {content.files.metrics['failure']}"
    leaks = {pair.picture.path for pair in content.look_alikes.between(content.files.split, "train")}
    if not leaks:
        if content.album.num_left_out:
            return _room(content)
        return ""
    rest = [each for each in content.files.measured if each.path not in leaks]
    text = f"{len(leaks):,} images of {content.files.split} are in train too, as they are or nearly"
    if not rest:
        return f"{text}."
    share = sum(each.is_right for each in rest) / len(rest)
    text += f"; without them it is {100 * share:.1f} % of {len(rest):,}."
    return f"{text} {_room(content)}" if content.album.num_left_out else text


def _room(content: Content) -> str:
    shown, left_out = len(content.album.sources), content.album.num_left_out
    return f"{shown:,} of {shown + left_out:,} small pictures had room on this page."


def _training(content: Content) -> Section:
    metrics = content.files.metrics
    history = metrics.get("history") or []
    if not history:
        return Section(id="training", title="Training", parts=[Note(text="No epoch came to its end.")])
    best = metrics.get("best_epoch") or 0
    tiles = [
        Tile(label="Epochs", value=str(len(history)), note=f"the best, which is the model: {best}" if best else ""),
        *(
            Tile(label=f"{name.capitalize()} accuracy", value=units.text(found["accuracy"], units.SHARE))
            for name in ("valid", "test")
            if (found := metrics.get(name))
        ),
        *(
            Tile(label=f"{name.capitalize()} loss", value=units.text(found["loss"]))
            for name in ("valid", "test")
            if (found := metrics.get(name))
        ),
        Tile(label="Images per second", value=units.text(history[-1].get("images_per_second"))),
    ]
    parts: list[Part] = [Tiles(tiles=tiles), Pair(charts=[per_epoch(history, "loss"), per_epoch(history, "accuracy")])]
    return Section(id="training", title="Training", parts=parts)
