"""What a study has found: as trials.json, as a table, and as a link to the best trial."""

import json
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from local_test.tuning.search_space import Space
from local_test.tuning.study import is_logarithmic, name_of

TRIALS_FILE, BEST_LINK = "trials.json", "best"
STATES = {TrialState.COMPLETE: "Completed", TrialState.FAIL: "Failed", TrialState.PRUNED: "Pruned"}
Row = dict[str, Any]


def trials_of(study: optuna.Study, space: Space, *, running: str) -> dict[str, Any]:
    """The study as tuning-report.html shows it; `running` says what trials without an end are: InProgress, Stopped."""
    begun = [trial for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]
    return {
        "objective": space.objective,
        "direction": space.direction,
        "logarithmic": [parameter.name for parameter in space.parameters if is_logarithmic(parameter)],
        "fixed": space.fixed,
        "trials": [_row(trial, running) for trial in begun],
    }


def _row(trial: FrozenTrial, running: str) -> Row:
    values = [value for _, value in sorted(trial.intermediate_values.items())]
    reason = trial.user_attrs.get("reason")
    return {
        "number": trial.number + 1,
        "name": name_of(trial),
        "state": STATES.get(trial.state, running),
        "value": trial.value if trial.state == TrialState.COMPLETE else values[-1] if values else None,
        "hyperparameters": {name: str(value) for name, value in trial.params.items()},
        "seconds": round(trial.user_attrs.get("seconds", 0.0), 1),
        "intermediate": values,
        **({"reason": reason} if reason else {}),
    }


def write_trials(trials: dict[str, Any], run_dir: Path) -> None:
    """trials.json, whole at every moment."""
    part = run_dir / f".{TRIALS_FILE}"
    part.write_text(json.dumps(trials, indent=2) + "\n")
    part.replace(run_dir / TRIALS_FILE)


def best_first(trials: dict[str, Any]) -> list[Row]:
    """The trials: completed ones by value, then the others as they came."""
    sign = 1 if trials["direction"] == "Minimize" else -1

    def place(row: Row) -> tuple[bool, float, int]:
        is_done = row["state"] == "Completed" and row["value"] is not None
        return (not is_done, sign * row["value"] if is_done else 0, row["number"])

    return sorted(trials["trials"], key=place)


def best_trial(trials: dict[str, Any]) -> Row | None:
    first = best_first(trials)[:1]
    return first[0] if first and first[0]["state"] == "Completed" and first[0]["value"] is not None else None


def link_best(run_dir: Path, name: str) -> None:
    """runs/tune/best -> the best trial's folder, never missing in between."""
    part = run_dir / f".{BEST_LINK}"
    part.unlink(missing_ok=True)
    part.symlink_to(name)
    part.replace(run_dir / BEST_LINK)


def table(trials: dict[str, Any]) -> str:
    """The trials best first, a line each."""
    rows = best_first(trials)
    names = sorted({name for row in rows for name in row["hyperparameters"]})
    cells = [["trial", "state", trials["objective"], "seconds", *names]]
    for row in rows:
        chosen = [short(row["hyperparameters"].get(name, "")) for name in names]
        cells.append([row["name"], row["state"], value_text(row["value"]), f"{row['seconds']:.0f}", *chosen])
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in cells)


def progress_line(row: Row, trials: dict[str, Any], total: int) -> str:
    """What is printed when a trial ends: what it was, what came out, and the best so far."""
    chosen = " ".join(f"{name}={short(value)}" for name, value in sorted(row["hyperparameters"].items()))
    ended = sum(each["state"] in STATES.values() for each in trials["trials"])
    best = best_trial(trials)
    so_far = f"best {value_text(best['value'])} ({best['name']})" if best else "no best yet"
    outcome = row.get("reason") or f"{trials['objective']} {value_text(row['value'])}"
    return f"[{ended}/{total}] {row['name']} {row['state']}: {outcome}, {row['seconds']:.0f} s; {so_far}; {chosen}"


def value_text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def short(value: str) -> str:
    """A number without the digits that nobody compares."""
    try:
        return f"{float(value):.4g}" if "." in value or "e" in value else value
    except ValueError:
        return value
