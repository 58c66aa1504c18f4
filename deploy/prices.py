"""What things cost, from a dated table: for orientation before something is created."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("prices.toml")


@cache
def table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text())


def instance_hour(instance_type: str) -> float | None:
    """US dollars per hour, or None for a type that the table does not have."""
    price = table()["instance_hour"].get(instance_type)
    return None if price is None else float(price)


def other(name: str) -> float:
    return float(table()["other"][name])


def describe_instances(instance_type: str, count: int, hours: float | None = None) -> str:
    """`2 x ml.m5.large: about $0.23 per hour, at most $5.52 in 24 h (us-east-1, 2026-11-01)`, or that it is unknown."""
    price = instance_hour(instance_type)
    what = f"{count} x {instance_type}"
    if price is None:
        return f"{what}: price unknown, see {table()['source']}"
    text = f"{what}: about ${count * price:.2f} per hour"
    if hours is not None:
        text += f", at most ${count * price * hours:.2f} in {hours:.3g} h"
    return f"{text} ({table()['region']}, {table()['date']})"
