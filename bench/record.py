"""Results as records: what was measured, against whom, on which machine, by which command."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Literal

import psutil

from bench.errors import BenchError
from container.cores import available_cores

LEFT_OUT = "left out: "  # how the name of such a record begins
PROJECT_DIR = Path(__file__).parents[1]
PACKAGES = ("torch", "torchvision", "pillow", "flask", "gunicorn")


@dataclass(frozen=True, kw_only=True)
class Record:
    """One measured quantity of this project beside the peer's. Values are medians over the rounds."""

    name: str
    value: float
    min: float
    max: float
    unit: str
    better: Literal["higher", "lower"]
    peer: str
    peer_value: float
    peer_min: float
    peer_max: float
    ratio: float | None  # above 1: this project is that many times as good; None where a value is 0
    rounds: int
    side: str = "this project"  # which form of it, where there are several
    met: bool | None = None  # of a goal, which then takes the peer's place: whether every round met it


def compare(
    name: str,
    unit: str,
    better: Literal["higher", "lower"],
    ours: Sequence[float],
    peer: str,
    theirs: Sequence[float],
    side: str = Record.side,
) -> Record:
    """The record of one quantity, from its value in each round."""
    value, peer_value = median(ours), median(theirs)
    better_by = (value, peer_value) if better == "higher" else (peer_value, value)
    return Record(
        name=name,
        value=_rounded(value),
        min=_rounded(min(ours)),
        max=_rounded(max(ours)),
        unit=unit,
        better=better,
        peer=peer,
        peer_value=_rounded(peer_value),
        peer_min=_rounded(min(theirs)),
        peer_max=_rounded(max(theirs)),
        ratio=round(better_by[0] / better_by[1], 3) if value and peer_value else None,
        rounds=len(ours),
        side=side,
    )


def left_out_record(peer: str, reason: str) -> Record:
    """A record that says why there are no others of this peer; files of this project are named from its root on."""
    return compare(f"{LEFT_OUT}{reason}".replace(f"{PROJECT_DIR}/", ""), "", "higher", [0], peer, [0])


def write_records(path: Path, records: Sequence[Record], command: str, *, quick: bool) -> None:
    """Write a list of records as JSON, each complete in itself and on a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    where = {"command": command, "quick": quick, "machine": machine()}
    lines = [json.dumps({**asdict(record), **where}) for record in records]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def read_records(path: Path) -> list[Record]:
    """The records that were written, without the command and the machine. Raises BenchError if there are none."""
    names = {item.name for item in fields(Record)}
    try:
        written = json.loads(path.read_text())
        records = [Record(**{name: value for name, value in item.items() if name in names}) for item in written]
    except (OSError, ValueError, TypeError) as error:
        raise BenchError(
            f"{path} holds no results that can be read; run the benchmark without --check first."
        ) from error
    if not records:
        raise BenchError(f"{path} holds no results that can be read; run the benchmark without --check first.")
    return records


def machine() -> dict[str, str | float]:
    """What the numbers depend on, and nothing that tells whose machine it is."""
    return {
        "cpu": _cpu_model(),
        "cores": available_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "os": _os_name(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def command_line(arguments: Sequence[str]) -> str:
    """The command that repeats the measurement, with the server's settings that were in force."""
    settings = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("SERVE_")]
    return " ".join([*settings, "python -m bench", *arguments])


def table(records: Sequence[Record]) -> str:
    """The records as aligned lines for a terminal."""
    head = ("", "ours", "peer", "unit", "ratio", "which of ours", "peer's name")
    rows = [head] + [
        (
            record.name,
            f"{record.value:.4g}",
            f"{record.peer_value:.4g}",
            record.unit,
            "" if record.ratio is None else f"{record.ratio:.2f}x",
            record.side,
            record.peer,
        )
        for record in records
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.processor() or platform.machine())


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
