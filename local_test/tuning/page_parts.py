"""The sections of the tuning report, from the trials of trials.json."""

from typing import Any

from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.page import Chart, Gallery, Key, Note, Page, Part, Section, Table, Tile, Tiles, sortable
from local_test.tuning import dots
from local_test.tuning.axis import Axis, as_number
from local_test.tuning.importance import BEST_SHARE, ENOUGH, importances
from local_test.tuning.results import best_first, best_trial

Row = dict[str, Any]
NOTHING = "No trial has come to a value yet; this page fills as trials end."


def tuning_page(trials: dict[str, Any], title: str) -> Page:
    """The page of a study, or of a tuning job."""
    best = best_trial(trials)
    rows = [{**row, "is_best": best is not None and row["name"] == best["name"]} for row in trials["trials"]]
    valued = [row for row in rows if row["value"] is not None and row["state"] != "Failed"]
    axes = _axes(trials, valued)
    minimize = trials["direction"] == "Minimize"
    shares = importances(valued, axes, minimize=minimize)
    scale = dots.Scale.of([row["value"] for row in valued], minimize=minimize) if valued else None
    sections = [Section(id="trials", title="Trials", parts=[_tiles(trials, best), *_progress(trials, valued, scale)])]
    if scale:
        sections += [
            Section(id="curves", title="Learning curves", parts=[_curves(trials, valued)]),
            Section(
                id="hyperparameters", title="Hyperparameters", parts=_parameters(trials, valued, scale, axes, shares)
            ),
        ]
    sections.append(Section(id="table", title="All trials", parts=[_table(trials)]))
    return Page(
        title=title,
        headline=_headline(trials, best),
        advice=f"{next(iter(shares))} mattered most here." if shares else "",
        tone="good" if best else "unknown",
        facts=sorted(trials.get("fixed", {}).items()),
        sections=sections,
    )


def _headline(trials: dict[str, Any], best: Row | None) -> str:
    if best is None:
        return "No trial has been completed."
    chosen = ", ".join(f"{name} {written(value)}" for name, value in best["hyperparameters"].items())
    return f"{best['name']} is the best: {trials['objective']} {units.text(best['value'])} with {chosen}."


def _axes(trials: dict[str, Any], rows: list[Row]) -> dict[str, Axis]:
    names = dict.fromkeys(name for row in rows for name in row["hyperparameters"])
    known = trials.get("logarithmic")
    return {
        name: Axis.of(
            [row["hyperparameters"][name] for row in rows if name in row["hyperparameters"]],
            is_logarithmic=None if known is None else name in known,
        )
        for name in names
    }


def _tiles(trials: dict[str, Any], best: Row | None) -> Tiles:
    rows = trials["trials"]
    counts = {state: sum(row["state"] == state for row in rows) for state in ("Completed", "Pruned", "Failed")}
    others = len(rows) - sum(counts.values())
    return Tiles(
        tiles=[
            Tile(label=f"Best {trials['objective']}", value=units.text(best["value"] if best else None)),
            Tile(label="Trials", value=str(len(rows)), note=f"{others} not at their end" if others else ""),
            Tile(label="Completed", value=str(counts["Completed"])),
            Tile(label="Pruned", value=str(counts["Pruned"]), note="stopped early, as worse than the others"),
            Tile(label="Failed", value=str(counts["Failed"])),
            Tile(label="Time in trials", value=units.text(sum(row["seconds"] for row in rows), units.SECONDS)),
        ]
    )


def _progress(trials: dict[str, Any], rows: list[Row], scale: dots.Scale | None) -> list[Part]:
    if scale is None:
        return [Note(text=NOTHING)]
    drawing = dots.over_trials(rows, scale, _best_so_far(trials, rows), "objective of every trial")
    sentence = f"{trials['objective']} of each trial, in the order they began; point at one to see what it was."
    sentence += _beyond(scale, [row["value"] for row in rows], "trials")
    keys = [Key(label="best so far", tone=dots.BEST), *_keys(rows)]
    return [Chart(title="Best so far", sentence=sentence, drawing=drawing, keys=keys, x_label="trial")]


def _best_so_far(trials: dict[str, Any], rows: list[Row]) -> list[tuple[int, float]]:
    """(number, value) of every completed trial that was better than all before it."""
    sign = 1 if trials["direction"] == "Minimize" else -1
    found: list[tuple[int, float]] = []
    for row in sorted(rows, key=lambda row: row["number"]):
        if row["state"] == "Completed" and (not found or sign * row["value"] < sign * found[-1][1]):
            found.append((row["number"], row["value"]))
    return found


def _beyond(scale: dots.Scale, values: list[float], what: str) -> str:
    """What is said where values would have flattened everything else."""
    count = sum(scale.inside(value) != value for value in values)
    return f" Far worse {what}, {count} of {len(values)}, are drawn at the edge." if count else ""


def _keys(rows: list[Row]) -> list[Key]:
    keys = [Key(label="completed", tone=dots.COMPLETED)]
    return [*keys, Key(label="pruned", tone=dots.PRUNED)] if any(row["state"] == "Pruned" for row in rows) else keys


def _curves(trials: dict[str, Any], rows: list[Row]) -> Part:
    with_epochs = [row for row in rows if row["intermediate"]]
    if not with_epochs:
        return Note(text="There are no values from within the trials: the objective was measured at their ends only.")
    points = [value for row in with_epochs for value in row["intermediate"]]
    scale = dots.Scale.of(points, minimize=trials["direction"] == "Minimize")
    best = next((row["name"] for row in with_epochs if row["is_best"]), "")
    keys = [*([Key(label=best, tone=dots.BEST)] if best else []), *_keys(with_epochs)]
    return Chart(
        title=f"{trials['objective']} after each epoch",
        sentence="Every trial is a line; those that were pruned end in a ring." + _beyond(scale, points, "values"),
        drawing=dots.curves(with_epochs, scale, "learning curves"),
        keys=keys,
        x_label="epoch",
    )


def _parameters(
    trials: dict[str, Any], rows: list[Row], scale: dots.Scale, axes: dict[str, Axis], shares: dict[str, float]
) -> list[Part]:
    charts = [
        Chart(
            title=name,
            sentence=_axis_sentence(axis),
            drawing=dots.over_parameter([row for row in rows if name in row["hyperparameters"]], name, scale, axis),
        )
        for name, axis in sorted(axes.items(), key=lambda pair: -shares.get(pair[0], 0))
    ]
    gallery = Gallery(title=f"{trials['objective']} over each", sentence="A dot is a trial.", charts=charts)
    if not shares:
        return [gallery, Note(text=f"Importance needs {ENOUGH} completed trials that differ in their hyperparameters.")]
    return [
        gallery,
        Chart(
            title="Importance",
            sentence=f"What puts a trial among the best {BEST_SHARE:.0%} (PED-ANOVA); a hint if trials are few.",
            drawing=dots.share_bars(shares, "importance of hyperparameters"),
        ),
    ]


def _axis_sentence(axis: Axis) -> str:
    return "one place per value" if axis.words else "logarithmic axis" if axis.is_logarithmic else "linear axis"


def _table(trials: dict[str, Any]) -> Table:
    rows = best_first(trials)
    names = list(dict.fromkeys(name for row in rows for name in row["hyperparameters"]))
    cells = [
        [
            row["name"],
            _state(row),
            sortable(row["value"], units.text(row["value"])),
            *(_parameter_cell(row["hyperparameters"].get(name, "")) for name in names),
            sortable(row["seconds"], units.text(row["seconds"], units.SECONDS)),
            str(len(row["intermediate"]) or units.MISSING),
        ]
        for row in rows
    ]
    columns = ["Trial", "State", trials["objective"], *names, "Time", "Epochs"]
    return Table(
        title="",
        sentence="Best first; press a heading to sort by it.",
        columns=columns,
        rows=cells,
        numbers=frozenset(range(2, len(columns))),
    )


def _state(row: Row) -> str | Markup:
    reason = row.get("reason")
    return Markup('{}<p class="reason">{}</p>').format(row["state"], reason) if reason else row["state"]


def _parameter_cell(value: str) -> Markup:
    return sortable(as_number(value), written(value))


def written(value: str) -> str:
    """A hyperparameter's value with no more digits than anyone compares."""
    number = as_number(value)
    return value if number is None or value.isdigit() else units.text(number)
