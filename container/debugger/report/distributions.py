"""Percentiles of tensors over time. Every tensor is read at a few steps first, so that one may stop at any moment."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from container.debugger.report.thin import coarse_to_fine, evenly

LEVELS = (0, 5, 25, 50, 75, 95, 100)  # percentiles
KINDS = ("weights", "gradients", "activations")
MAX_TENSORS, MAX_STEPS = 36, 48


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A tensor over time: per step the seven LEVELS, or, of a tensor saved as reductions, least, mean and largest."""

    tensor: str
    kind: str  # one of KINDS
    steps: list[int]
    rows: list[list[float]]
    num_not_finite: int = 0  # steps that hold NaN or infinity
    is_cut: bool = False  # the clock ran out before all chosen steps were read


def names_by_kind(trial: Any) -> dict[str, list[str]]:
    """The names of all tensors that have a distribution, by KINDS."""
    return {kind: _names(trial, kind) for kind in KINDS}


def _names(trial: Any, kind: str) -> list[str]:
    """The names of one kind of tensor, in the order of the network as far as they tell."""
    names = sorted(trial.tensor_names())
    if kind == "gradients":
        return [name for name in names if name.startswith("gradient/")]
    if kind == "weights":
        return [name for name in names if name.endswith(".weight") and not name.startswith("gradient/")]
    return [name for name in names if "_output_" in name and "Loss" not in name]


def read_distributions(trial: Any, names: dict[str, list[str]], end: float) -> list[Distribution]:
    """The distributions of an even choice of `names` at up to MAX_STEPS steps each, fewer when `end` comes first.

    `end` is a reading of time.monotonic().
    """
    chosen = _choose(names)
    tensors = {name: trial.tensor(name) for _, name in chosen}
    orders: dict[str, list[int]] = {}
    for name, tensor in tensors.items():
        steps = _steps_of_training(trial, tensor)
        orders[name] = [steps[index] for index in coarse_to_fine(evenly(len(steps), MAX_STEPS))]
    rows: dict[str, dict[int, list[float]]] = {name: {} for name in tensors}
    not_finite = dict.fromkeys(tensors, 0)
    for turn in range(MAX_STEPS):
        for name, order in orders.items():
            if turn < len(order) and (turn < 1 or time.monotonic() < end):
                row, is_finite = _row(tensors[name], order[turn])
                not_finite[name] += not is_finite
                if row:
                    rows[name][order[turn]] = row
    return [
        _distribution(kind, name, rows[name], not_finite[name], len(orders[name]))
        for kind, name in chosen
        if rows[name]
    ]


def _distribution(
    kind: str, name: str, rows: dict[int, list[float]], num_not_finite: int, num_wanted: int
) -> Distribution:
    width = max(map(len, rows.values()))  # a tensor saved whole at some steps and as reductions at others: whole ones
    steps = sorted(step for step, row in rows.items() if len(row) == width)
    return Distribution(
        tensor=name,
        kind=kind,
        steps=steps,
        rows=[rows[step] for step in steps],
        num_not_finite=num_not_finite,
        is_cut=len(rows) < num_wanted,
    )


def _choose(names: dict[str, list[str]]) -> list[tuple[str, str]]:
    """(kind, name) of at most MAX_TENSORS, evenly out of each kind, and the kinds by turns."""
    chosen = []
    for kind, all_names in names.items():
        chosen += [(kind, all_names[index]) for index in evenly(len(all_names), MAX_TENSORS // len(KINDS))]
    return chosen


def _steps_of_training(trial: Any, tensor: Any) -> list[int]:
    """Global steps, those of training alone if there are any: evaluation shows other activations."""
    steps: list[int] = tensor.steps()
    training = [step for step in steps if trial.mode_modestep(step)[0].name == "TRAIN"]
    return training or steps


def _row(tensor: Any, step: int) -> tuple[list[float], bool]:
    """Percentiles, or three reductions, or nothing; and whether every value was finite."""
    value = saved_value(tensor, step)
    if value is None:
        reductions = [_reduction(tensor, step, name) for name in ("min", "mean", "max")]
        return [number for number in reductions if number is not None] if None not in reductions else [], True
    finite = value[np.isfinite(value)]
    row = [float(level) for level in np.percentile(finite, LEVELS)] if finite.size else []
    return row, finite.size == value.size


def saved_value(tensor: Any, step: int) -> Any:
    """The saved array (any shape) as float64, or None if it was not saved whole or is being written."""
    from smdebug.exceptions import SMDebugError

    try:
        value = np.asarray(tensor.value(step), dtype=np.float64)
    except (SMDebugError, OSError, ValueError, IndexError, KeyError):
        return None
    return value


def _reduction(tensor: Any, step: int, name: str) -> float | None:
    from smdebug.exceptions import SMDebugError

    try:
        value = tensor.reduction_value(step, name)
    except (SMDebugError, OSError, ValueError, IndexError, KeyError):
        return None
    return None if value is None else float(np.asarray(value).ravel()[0])
