"""Tables and pictures for the cells: small enough to be kept in the notebook, in the colours of the project's pages."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas
from IPython.display import HTML
from IPython.display import Image as Picture
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from container import contract
from container.debugger.report.summary import WORDS, ranked
from container.debugger.verdict import read_verdicts
from container.errors import UserError
from local_test.browser import save_png
from local_test.opt_ml import find_channels
from local_test.sample_data import contact_sheet
from local_test.tuning.search_space import Categorical, read_space

BLUE, ORANGE, GREY = "#2b66c9", "#d9730d", "#7a848d"  # --tone-1, 2 and 8 of the pages' style sheet
WIDTH = 900  # pixels of the widest picture
SHEET_HEIGHT = 1100  # pixels of the sample grid before it is made smaller: all of 20 classes, the first of 133
REPORT_HEIGHT = 1150  # pixels of the report's top, before it is made smaller


def sample_grid(data: Path) -> Picture:
    """Four pictures of each class."""
    channels = find_channels(data)
    sheet = contact_sheet(channels.get("test") or channels["train"])
    sheet = sheet.crop((0, 0, sheet.width, min(sheet.height, SHEET_HEIGHT)))
    return as_photo(sheet, "Four pictures of each class, under its name")


def channels_table(data: Path) -> pandas.DataFrame:
    """How many files each class has in each channel."""
    counts = {
        name: {path.name: sum(file.is_file() for file in path.iterdir()) for path in folder.iterdir() if path.is_dir()}
        for name, folder in find_channels(data).items()
    }
    return pandas.DataFrame(counts).fillna(0).astype(int).sort_index().rename_axis("class")


def space_table(path: Path) -> pandas.DataFrame:
    """What a search may choose from."""
    rows = [
        (item.name, ", ".join(item.values), "")
        if isinstance(item, Categorical)
        else (item.name, f"{item.low:g} to {item.high:g}", item.scaling)
        for item in read_space(path).parameters
    ]
    return pandas.DataFrame(rows, columns=["hyperparameter", "range", "scaling"]).set_index("hyperparameter")


def best_hyperparameters(trials: dict[str, Any]) -> dict[str, str]:
    """The best trial's hyperparameters with those that all trials had; without what only trials go without."""
    best = sorted_trials(trials)[0]
    return {**trials["fixed"], **best["hyperparameters"]} | {"debugger": "true"}


def sorted_trials(trials: dict[str, Any]) -> list[dict[str, Any]]:
    """Completed trials with a value, the best first. Raises UserError if there are none."""
    done = [trial for trial in trials["trials"] if trial["state"] == "Completed" and trial["value"] is not None]
    if not done:
        raise UserError("No trial has come to its end; the log of the search says why.")
    return sorted(done, key=lambda trial: trial["value"], reverse=trials["direction"] == "Maximize")


def trials_table(trials: dict[str, Any]) -> pandas.DataFrame:
    """Every trial that has a result, the best first, then the others."""
    done = sorted_trials(trials)
    rows = [*done, *(trial for trial in trials["trials"] if trial not in done)]
    table = pandas.DataFrame(
        {"trial": row["number"], "state": row["state"], trials["objective"]: row["value"], **row["hyperparameters"]}
        for row in rows
    )
    return table.set_index("trial").apply(_as_numbers).round(6).fillna("")


def _as_numbers(column: "pandas.Series[Any]") -> "pandas.Series[Any]":
    """Trials have text for numbers, as SageMaker has; the names of choices stay text."""
    try:
        return pandas.to_numeric(column)
    except (ValueError, TypeError):
        return column


def trials_plot(trials: dict[str, Any]) -> Picture:
    """The objective over each hyperparameter, the best trial marked."""
    done = sorted_trials(trials)
    names = sorted({name for trial in done for name in trial["hyperparameters"]})
    figure = Figure(figsize=(3.2 * len(names) + 0.6, 3.2), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names, strict=True):
        for trial in reversed(done):
            is_best = trial is done[0]
            value = float(trial["hyperparameters"][name])
            axis.scatter(value, trial["value"], color=ORANGE if is_best else BLUE, s=70 if is_best else 36, zorder=2)
        if name in trials.get("logarithmic", ("learning_rate",)):
            axis.set_xscale("log")
        axis.set_xlabel(name)
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel(trials["objective"])
    figure.suptitle("Every trial by its hyperparameters; the best in orange", fontsize=11)
    return as_chart(figure, f"{trials['objective']} of every trial over {', '.join(names)}")


def job_picture(run: Path, name: str) -> Picture:
    """A picture that a job has drawn: curves.png or confusion_matrix.png."""
    with Image.open(run / "output" / "data" / name) as image:
        return as_png(image, Path(name).stem.replace("_", " ") + " of the final model")


def accuracies(run: Path) -> pandas.DataFrame:
    """Loss and accuracy of the exported model on what it was not trained on, beside guessing."""
    metrics = read_metrics(run)
    rows = {name: metrics[name] for name in ("valid", "test") if name in metrics}
    table = pandas.DataFrame(rows).T[["loss", "accuracy"]]
    table.loc["guessing", "accuracy"] = 1 / metrics["num_classes"]
    return table.round(4).fillna("")


def read_metrics(run: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((run / "output" / "data" / contract.METRICS_FILE).read_text())
    return metrics


def hardest_classes(run: Path, count: int = 3) -> pandas.DataFrame:
    """The classes that are found least well."""
    with (run / "output" / "data" / "per_class.csv").open(newline="") as file:
        table = pandas.DataFrame(csv.DictReader(file)).set_index("class").astype(float).round(2)
    return table.sort_values("f1").head(count).astype({"support": int})


def report_page(run: Path) -> Path:
    return run / "output" / "data" / contract.PROFILER_REPORT_DIR / contract.PROFILER_REPORT_FILE


def rules_table(run: Path) -> HTML:
    """What every rule says, what to look at first at the top."""
    output = run / "output" / "data"
    verdicts = read_verdicts(output / contract.RULES_DIR) + read_verdicts(output / contract.PROFILER_RULES_DIR)
    rows = [(each.rule, each.kind, WORDS.get(each.status, each.status), each.message) for each in ranked(verdicts)]
    with pandas.option_context("display.max_colwidth", None):  # whole sentences
        table = pandas.DataFrame(rows, columns=["rule", "looks at", "verdict", "why"]).to_html(index=False)
    for cell in ("th", "td"):  # sentences, which notebooks would set flush right like numbers
        table = table.replace(f"<{cell}>", f'<{cell} style="text-align: left">')
    return HTML(table)


def page_picture(page: Path, picture: Path) -> Picture | str:
    """The top of a page as a browser shows it; without a browser a sentence that says where the page is."""
    try:
        save_png(page, picture)
    except UserError as error:
        return f"{error} The page: {page}"
    with Image.open(picture) as image:
        top = image.crop((0, 0, image.width, min(image.height, REPORT_HEIGHT)))
        return as_png(top, "The top of the page: how many rules found issues, what to do first, and what each says")


def side_by_side(*pictures: bytes | Path, alt: str, height: int = 260) -> Picture:
    """Pictures of one height in a row, as they are seen: turned as their files say."""
    images = []
    for picture in pictures:
        with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as file:
            upright = ImageOps.exif_transpose(file).convert("RGB")
        images.append(upright.resize((round(upright.width * height / upright.height), height)))
    row = Image.new("RGB", (sum(image.width for image in images) + 12 * (len(images) - 1), height), "white")
    left = 0
    for image in images:
        row.paste(image, (left, 0))
        left += image.width + 12
    return as_photo(row, alt)


def as_photo(image: Image.Image, alt: str) -> Picture:
    return _encoded(image.convert("RGB"), "jpeg", alt, quality=80)


def as_png(image: Image.Image, alt: str) -> Picture:
    # Drawings have few colours: a palette makes them a third as large, and nobody sees it.
    return _encoded(image.convert("RGB"), "png", alt, colours=128, optimize=True)


def as_chart(figure: Figure, alt: str) -> Picture:
    file = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(file, dpi=110)
    with Image.open(file) as image:
        return as_png(image, alt)


def _encoded(image: Image.Image, kind: str, alt: str, *, colours: int = 0, **options: Any) -> Picture:
    """`alt` is what is read to whoever cannot see it."""
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    (image.quantize(colours) if colours else image).save(file, kind, **options)
    return Picture(data=file.getvalue(), format=kind, width=image.width, alt=alt)
