"""Profiles built in memory: steps with their phases in order of time, and system metrics beside them."""

import json
from collections.abc import Callable, Sequence

import pandas

from container.debugger.profiler.data import EVENT_COLUMNS, SYSTEM_COLUMNS, ProfilerData
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.verdict import Verdict

START = 1_700_000_000.0
QUICK = {"DataLoading": 0.01, "Forward": 0.1, "Backward": 0.2, "Optimizer": 0.02}  # seconds, nothing wrong with it
STARVED = {**QUICK, "DataLoading": 0.5}
JOB = JobFacts(workers=0, cores=2, batch_size=64, image_size=64, hyperparameters={"workers": "-1"})
Value = float | Callable[[int], float]  # a sample's value, or what makes it from the sample's number


class MadeProfile:
    def __init__(self, node: str = "algo-1", pid: int = 1, start: float = START) -> None:
        self.node, self.pid, self.clock = node, pid, start
        self.events: list[tuple] = []
        self.system: list[tuple] = []
        self.operators: list[dict] = []
        self._number = {"TRAIN": 0, "EVAL": 0}

    def steps(
        self, count: int, phases: dict[str, float] = QUICK, mode: str = "TRAIN", rest: float = 0.0
    ) -> "MadeProfile":
        """`count` steps of the same phases, and `rest` seconds that belong to none."""
        for _ in range(count):
            begin, number = self.clock, self._number[mode]
            for phase, seconds in phases.items():
                self._event(phase, seconds, number, mode)
            self.clock += rest
            self.events.append(
                (f"Step:ModeKeys.{mode}", "", begin, self.clock - begin, number, mode, self.pid, self.node)
            )
            self._number[mode] += 1
        return self

    def between_steps(self, phase: str, seconds: float) -> "MadeProfile":
        self._event(phase, seconds, -1, "")
        return self

    def _event(self, phase: str, seconds: float, number: int, mode: str) -> None:
        self.events.append((phase, phase, self.clock, seconds, number, mode, self.pid, self.node))
        self.clock += seconds

    def sampled(
        self, kind: str, names: Sequence[str], dimension: str, value: Value, start: float = START
    ) -> "MadeProfile":
        """Samples every half second from `start` until now, the same for all names."""
        for number in range(int(2 * (self.clock - start)) + 1):
            measured = value(number) if callable(value) else value
            self.system += [(start + number / 2, self.node, kind, name, dimension, measured) for name in names]
        return self

    def cores(self, value: Value, waiting: Value = 0.0) -> "MadeProfile":
        self.sampled("cpu", ["cpu0", "cpu1"], "CPUUtilization", value)
        return self.sampled("cpu", ["cpu0", "cpu1"], "I/OWaitPercentage", waiting)

    def memory(self, value: Value) -> "MadeProfile":
        return self.sampled("memory", ["MemoryUsedPercent"], "", value)

    def gpu(self, name: str, value: Value, memory: Value = 30.0) -> "MadeProfile":
        self.sampled("gpu", [name], "GPUUtilization", value)
        return self.sampled("gpu", [name], "GPUMemoryUtilization", memory)

    def data(self, *others: "MadeProfile") -> ProfilerData:
        """Everything of this process and of `others`."""
        made = (self, *others)
        return ProfilerData(
            system=pandas.DataFrame([row for each in made for row in each.system], columns=list(SYSTEM_COLUMNS)),
            events=pandas.DataFrame([row for each in made for row in each.events], columns=list(EVENT_COLUMNS)),
            operators=self.operators,
        )


def nothing() -> ProfilerData:
    """As the reader gives it for a folder without files."""
    return ProfilerData(
        system=pandas.DataFrame(columns=list(SYSTEM_COLUMNS)).astype(SYSTEM_COLUMNS),
        events=pandas.DataFrame(columns=list(EVENT_COLUMNS)).astype(EVENT_COLUMNS),
        operators=[],
    )


def as_json(verdict: Verdict) -> dict:
    """What its file holds, strictly: neither NaN nor numpy's numbers are JSON."""
    return json.loads(json.dumps(verdict.to_json(), allow_nan=False))
