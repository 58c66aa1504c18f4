"""Everything that a profile holds, as tables; what SageMaker's own sampler and smdebug's hook write is read as well."""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

MICROSECONDS = 1_000_000
MAX_SYSTEM_BYTES = 200 * 2**20  # of JSON that is kept: 1.6 million values, some 200 MB of memory
SYSTEM_COLUMNS = {"time": float, "node": object, "type": object, "name": object, "dimension": object, "value": float}
EVENT_COLUMNS = {
    "phase": object,
    "op_name": object,
    "start": float,
    "duration": float,
    "step": int,
    "mode": object,
    "pid": int,
    "node": object,
}
# `<end>_<pid>-<node>_pythontimeline.json`; smdebug leaves the end out while the file is open
TIMELINE_NAME = re.compile(r"(?:\d+_)?(\d+)-(.+)_pythontimeline\.json(?:\.tmp)?")
MODE_IN_PHASE = re.compile(r"ModeKeys\.(\w+)")


@dataclass(frozen=True)
class ProfilerData:
    system: pd.DataFrame  # time (seconds since the epoch), node, type, name, dimension, value
    events: pd.DataFrame  # phase, op_name, start and duration (seconds), step (-1: none), mode, pid, node
    operators: list[dict[str, Any]]  # each operators.json, in the order of their steps


def read_profiler_data(folder: Path) -> ProfilerData:
    """What lies in a profiler folder so far; tables without rows where there is nothing, and broken lines left out."""
    return ProfilerData(
        system=_table(_system_rows(folder / "system" / "incremental"), SYSTEM_COLUMNS, "time"),
        events=_table(_event_rows(folder / "framework"), EVENT_COLUMNS, "start"),
        operators=_read_operators(folder / "framework" / "torch_profiler"),
    )


def _table(rows: Iterable[tuple[object, ...]], columns: dict[str, Any], order: str) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=list(columns)).astype(columns)
    return table.sort_values(order, kind="stable", ignore_index=True)


def _system_rows(folder: Path) -> Iterator[tuple[object, ...]]:
    intern = sys.intern  # a long job has millions of rows, but few names
    paths = sorted(folder.glob("*/*.json"))
    # Of a long job on many cores every k-th sample is kept, all values of it, so that memory is bounded.
    every = 1 + sum(path.stat().st_size for path in paths) // MAX_SYSTEM_BYTES
    sample, last_time = -1, None
    for path in paths:
        for line in _read_lines(path):
            if line.get("Timestamp") != last_time:
                sample, last_time = sample + 1, line.get("Timestamp")
            if sample % every:
                continue
            try:
                yield (
                    float(line["Timestamp"]),
                    intern(line["NodeId"]),
                    intern(line["Type"]),
                    intern(line.get("Name") or ""),
                    intern(line.get("Dimension") or ""),
                    float(line["Value"]),
                )
            except (KeyError, TypeError, ValueError):
                continue


def _event_rows(folder: Path) -> Iterator[tuple[object, ...]]:
    # A file that is still open has the same content as far as it goes.
    for path in (*sorted(folder.glob("pevents/*/*_pythontimeline.json")), *sorted(folder.glob("*.json.tmp"))):
        name = TIMELINE_NAME.fullmatch(path.name)
        if name is not None:
            yield from _timeline_rows(_read_lines(path), int(name[1]), sys.intern(name[2]))


def _timeline_rows(lines: Iterable[dict[str, Any]], file_pid: int, node: str) -> Iterator[tuple[object, ...]]:
    origin = 0
    phases: dict[object, str] = {}  # what Chrome's format calls processes
    for line in lines:
        args = line.get("args") or {}
        if line.get("ph") == "M":
            origin = args.get("start_time_since_epoch_in_micros", origin)
            if line.get("name") == "process_name" and "name" in args:
                phases[line.get("pid")] = sys.intern(args["name"])
        elif line.get("ph") == "X":
            phase = phases.get(line.get("pid"), "")
            try:
                start, duration = (line["ts"] + origin) / MICROSECONDS, line["dur"] / MICROSECONDS
                step, pid = int(args.get("step_num", -1)), int(args.get("pid", file_pid))
            except (KeyError, TypeError, ValueError):
                continue
            # smdebug tells the mode in the phase's name only, and not in every one.
            mode = args.get("mode") or _mode_of(phase)
            yield phase, sys.intern(line.get("name") or ""), start, duration, step, mode, pid, node


def _mode_of(phase: str) -> str:
    found = MODE_IN_PHASE.search(phase)
    return sys.intern(found[1]) if found else ""


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file with one per line, whether or not they are elements of an array."""
    try:
        text = path.read_text(errors="replace")
    except OSError:  # it was renamed since the folder was listed
        return []
    lines = [line.rstrip().rstrip(",") for line in text.splitlines()]
    lines = [line for line in lines if line.startswith("{")]
    try:
        found = json.loads(f"[{','.join(lines)}]")  # all at once takes half the time
    except ValueError:
        found = [each for line in lines if (each := _loads(line)) is not None]
    return [each for each in found if isinstance(each, dict)]


def _loads(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _read_operators(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in folder.glob("*/operators.json"):
        try:
            content = json.loads(path.read_text())
            found.append(([int(step) for step in content["steps"]], content))
        except (OSError, ValueError, KeyError, TypeError):  # it belongs to a job that was killed
            continue
    return [content for _, content in sorted(found, key=lambda each: each[0])]
