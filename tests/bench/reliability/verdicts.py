"""What a test reads in the records of a scenario."""

from collections.abc import Sequence

from bench.record import Record

TIMED = ("ms", "s", "MiB", "%")  # units of what depends on the machine and on who else uses it


def values(records: Sequence[Record]) -> dict[str, float]:
    return {record.name: record.value for record in records}


def missed(records: Sequence[Record]) -> set[str]:
    """Names of the figures that missed their goals."""
    return {record.name for record in records if record.met is False}


def missed_counts(records: Sequence[Record]) -> set[str]:
    """The same, of those that must be met on any machine, however busy."""
    return {record.name for record in records if record.met is False and record.unit not in TIMED}
