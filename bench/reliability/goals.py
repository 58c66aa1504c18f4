"""Figures as records: what was measured, the limit that it is held to, and whether it was met."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from bench.record import LEFT_OUT, Record, compare

AT_MOST, AT_LEAST = "goal: at most", "goal: at least"  # stand where other parts name a peer
NO_GOAL = "no goal"
MET, MISSED = "met", "MISSED"
COLUMNS = ("scenario", "figure", "measured", "goal", "")


def at_most(scenario: str, name: str, unit: str, values: float | Sequence[float], limit: float) -> Record:
    """A figure of which even the highest value must not exceed `limit`; the record's value is the highest."""
    return _held(scenario, name, unit, "lower", values, limit)


def at_least(scenario: str, name: str, unit: str, values: float | Sequence[float], limit: float) -> Record:
    """A figure of which even the lowest value must reach `limit`; the record's value is the lowest."""
    return _held(scenario, name, unit, "higher", values, limit)


def without_goal(scenario: str, name: str, unit: str, values: float | Sequence[float]) -> Record:
    """A figure that explains the others and is held to nothing."""
    return compare(name, unit, "lower", _as_list(values), NO_GOAL, [0], side=scenario)


def _held(
    scenario: str,
    name: str,
    unit: str,
    better: Literal["higher", "lower"],
    values: float | Sequence[float],
    limit: float,
) -> Record:
    listed = _as_list(values)
    worst = max(listed) if better == "lower" else min(listed)
    met = worst <= limit if better == "lower" else worst >= limit
    goal = AT_MOST if better == "lower" else AT_LEAST
    of_worst = compare(name, unit, better, [worst], goal, [limit], side=scenario)
    ratio = of_worst.ratio if of_worst.ratio is not None else float(met)  # a share of 0 says nothing
    if not met:
        ratio = min(ratio, 0.999)  # rounding must not make it look met
    spread = compare(name, unit, better, listed, goal, [limit], side=scenario)
    return replace(spread, value=of_worst.value, ratio=ratio, met=met)


def _as_list(values: float | Sequence[float]) -> list[float]:
    return [float(values)] if isinstance(values, int | float) else [float(value) for value in values]


def rows(records: Sequence[Record]) -> list[tuple[str, str, str, str, str]]:
    """Scenario, figure, measured value, goal and verdict of each record, as text."""
    return [
        (record.side, record.name, "", "", "not measured")
        if record.name.startswith(LEFT_OUT)
        else (record.side, record.name, _value(record.value, record.unit), _goal(record), _verdict(record))
        for record in records
    ]


def table(records: Sequence[Record]) -> str:
    """The records as aligned lines for a terminal, and a last one that counts what was met and missed."""
    lines = [COLUMNS, *rows(records)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*text, "", summary(records)])


def summary(records: Sequence[Record]) -> str:
    """One line: how many goals were met, which were missed, and what was not measured."""
    met = sum(record.met is True for record in records)
    missed = [f"{record.side}: {record.name}" for record in records if record.met is False]
    left_out = [record.side for record in records if record.name.startswith(LEFT_OUT)]
    parts = [f"{met} goals met, {len(missed)} missed{''.join(f'; {name}' for name in missed)}."]
    if left_out:
        parts.append(f"Not measured: {', '.join(left_out)}.")
    return " ".join(parts)


def _value(value: float, unit: str) -> str:
    text = f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
    return f"{text} {unit}".rstrip()


def _goal(record: Record) -> str:
    if record.met is None:
        return ""
    return f"{record.peer.removeprefix('goal: ')} {_value(record.peer_value, record.unit)}"


def _verdict(record: Record) -> str:
    return "" if record.met is None else MET if record.met else MISSED
