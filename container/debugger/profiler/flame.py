"""What torch.profiler saw -> a table of operators and a flame graph, as plain lists and dictionaries.

Both come from its tree of events, which takes milliseconds; torch's own table takes 50 times as long.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from torch._C._profiler import _EventType

OPERATORS = 50  # rows of the table
DEEPEST = 12  # levels of the flame graph
SMALLEST_SHARE = 0.002  # of the whole time, for a box of the flame graph
MODULE_PREFIX = "nn.Module: "
KERNELS = {"kernel", "gpu_memcpy", "gpu_memset"}
# A Python function of ours, as the profiler spells it: `container/training/loop.py(81): _train_step`. Its own calls are
# no part of training.
OUR_FUNCTION = re.compile(r"(?:.*/)?container/(?!debugger/profiler/)(?:.*/)?([^/]+\.py)\(\d+\): (.+)")


class Event(Protocol):
    """The part of torch's _ProfilerEvent that is used here."""

    @property
    def name(self) -> str: ...
    @property
    def tag(self) -> Any: ...
    @property
    def children(self) -> list[Any]: ...
    @property
    def duration_time_ns(self) -> int: ...


@dataclass
class Operator:
    calls: int = 0
    self_ns: int = 0
    total_ns: int = 0

    def add(self, duration_ns: int, inside_ns: int) -> None:
        self.calls += 1
        self.total_ns += duration_ns
        self.self_ns += max(0, duration_ns - inside_ns)


def operator_table(roots: Iterable[Event], kineto_events: Iterable[Any]) -> list[dict[str, Any]]:
    """{name, calls, self_us, total_us, device} per operator and GPU kernel, the largest self time first.

    An operator's time is the host's (device `cpu`); a kernel's is that of the GPU (device `cuda`).
    """
    table: dict[tuple[str, str], Operator] = {}
    _add_operators(roots, table)
    for event in kineto_events:
        if event.activity_type() in KERNELS:
            table.setdefault((event.name(), "cuda"), Operator()).add(event.duration_ns(), 0)
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "calls": operator.calls,
            "self_us": round(operator.self_ns / 1000, 1),
            "total_us": round(operator.total_ns / 1000, 1),
            "device": device,
        }
        for (name, device), operator in table.items()
    ]
    return sorted(rows, key=lambda row: row["self_us"], reverse=True)[:OPERATORS]


def _add_operators(events: Iterable[Event], table: dict[tuple[str, str], Operator]) -> int:
    """Nanoseconds of the outermost operators among the events and below."""
    covered = 0
    for event in events:
        inside = _add_operators(event.children, table)
        if event.tag == _EventType.TorchOp:
            table.setdefault((event.name, "cpu"), Operator()).add(event.duration_time_ns, inside)
            inside = event.duration_time_ns
        covered += inside
    return covered


def flame_graph(roots: Iterable[Event], seconds: float) -> dict[str, Any]:
    """{name, us, children}: modules, operators and our functions on the host, by what called them.

    Calls of one name below the same parent are one box. The graph stands for `seconds` of wall time.
    """
    tops = [top for root in roots for top in _without_callers([root])]
    whole_us = seconds * 1e6
    return {"name": "steps", "us": round(whole_us, 1), "children": _boxes(tops, whole_us * SMALLEST_SHARE, DEEPEST)}


def _boxes(events: Iterable[Event], smallest_us: float, levels: int) -> list[dict[str, Any]]:
    same: dict[str, list[Event]] = {}
    for event in _shown(events):
        same.setdefault(_label(event), []).append(event)
    boxes: list[dict[str, Any]] = []
    for name, calls in same.items():
        us = sum(call.duration_time_ns for call in calls) / 1000
        if us >= smallest_us:
            inner = (child for call in calls for child in call.children)
            children = _boxes(inner, smallest_us, levels - 1) if levels > 1 else []
            boxes.append({"name": name, "us": round(us, 1), "children": children})
    return sorted(boxes, key=lambda box: box["us"], reverse=True)


def _without_callers(events: list[Event]) -> list[Event]:
    """The events without the functions that only lead to the training step: they would fill the graph's levels."""
    shown = list(_shown(events))
    while len(shown) == 1 and OUR_FUNCTION.fullmatch(shown[0].name):
        shown = list(_shown(shown[0].children))
    return shown


def _shown(events: Iterable[Event]) -> Iterator[Event]:
    """Those events, and in place of each that the graph leaves out, the ones below it."""
    for event in events:
        is_call = event.tag == _EventType.PyCall
        if event.tag == _EventType.TorchOp or (is_call and _label(event) != event.name):
            yield event
        else:
            yield from _shown(event.children)


def _label(event: Event) -> str:
    if event.name.startswith(MODULE_PREFIX):
        return event.name.removeprefix(MODULE_PREFIX)
    ours = OUR_FUNCTION.fullmatch(event.name)
    return f"{ours[2]} ({ours[1]})" if ours else event.name
