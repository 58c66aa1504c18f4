"""The steps of a job and what each spent its time on, from the framework's timeline."""

from dataclasses import dataclass, field

import numpy as np
import pandas
from numpy.typing import NDArray

from container.debugger.profiler_rules.phrases import Floats

TRAIN, EVAL = "Step:ModeKeys.TRAIN", "Step:ModeKeys.EVAL"
PHASES = ("DataLoading", "Forward", "Backward", "Optimizer")  # inside a step, as the training loop names them
WARM_UP_STEPS = 2  # of each process: memory is allocated, kernels are chosen, loader processes start

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Timeline:
    """The events, by phase and process; text is compared once, as a long job has millions of rows."""

    def __init__(self, events: pandas.DataFrame) -> None:
        self.start: Floats = events["start"].to_numpy(float)
        self.seconds: Floats = events["duration"].to_numpy(float)
        self.number: Ints = events["step"].to_numpy(np.int64)
        codes, names = pandas.factorize(events["phase"])
        self._rows = {str(name): np.flatnonzero(codes == code) for code, name in enumerate(names)}
        nodes, node_names = pandas.factorize(events["node"])
        pids, pid_values = pandas.factorize(events["pid"])
        pairs, self.process = np.unique(nodes * max(1, len(pid_values)) + pids, return_inverse=True)
        self.nodes = [str(node_names[pair // len(pid_values)]) for pair in pairs]  # of each process

    @property
    def num_processes(self) -> int:
        return len(self.nodes)

    def rows(self, phase: str) -> Ints:
        """The events of a phase, in order of time."""
        rows = self._rows.get(phase, np.empty(0, np.int64))
        return rows[np.argsort(self.start[rows], kind="stable")]

    def total(self, phase: str) -> float:
        """Seconds in a phase, of all processes together."""
        return float(self.seconds[self._rows.get(phase, np.empty(0, np.int64))].sum())


@dataclass(frozen=True)
class Steps:
    """N steps of one mode, by process and then by time."""

    number: Ints  # (N,) step of the mode
    start: Floats  # (N,) seconds since the epoch
    seconds: Floats  # (N,) including the wait for data
    process: Ints  # (N,) into Timeline.nodes
    is_warm: Bools  # (N,) not among the first of its process
    begins_epoch: Bools  # (N,) the first one, or the first after an evaluation
    phases: dict[str, Floats] = field(default_factory=dict)  # (N,) seconds, of every phase that the timeline has

    def __len__(self) -> int:
        return len(self.start)

    def only(self, mask: Bools) -> "Steps":
        return Steps(
            number=self.number[mask],
            start=self.start[mask],
            seconds=self.seconds[mask],
            process=self.process[mask],
            is_warm=self.is_warm[mask],
            begins_epoch=self.begins_epoch[mask],
            phases={name: seconds[mask] for name, seconds in self.phases.items()},
        )

    @property
    def other(self) -> Floats:
        """Seconds (N,) that belong to no phase; all of them where the timeline has no phases."""
        return np.maximum(0, self.seconds - sum(self.phases.values(), np.zeros(len(self))))


def read_steps(timeline: Timeline, mode: str = TRAIN) -> Steps:
    """Every step of a mode; none where the timeline has none."""
    rows = timeline.rows(mode)
    rows = rows[np.argsort(timeline.process[rows], kind="stable")]
    process = timeline.process[rows]
    is_warm, begins_epoch = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    phases: dict[str, Floats] = {name: np.zeros(len(rows)) for name in PHASES if len(timeline.rows(name))}
    for number in range(timeline.num_processes):
        mine = np.flatnonzero(process == number)
        is_warm[mine[WARM_UP_STEPS:]] = True
        begins_epoch[mine] = _begins_epoch(timeline, timeline.start[rows[mine]], number)
        for name in phases:
            phases[name][mine] = _phase_seconds(timeline, rows[mine], name, number)
    return Steps(
        timeline.number[rows], timeline.start[rows], timeline.seconds[rows], process, is_warm, begins_epoch, phases
    )


def _begins_epoch(timeline: Timeline, starts: Floats, process: int) -> Bools:
    rows = timeline.rows(EVAL)
    evaluations = timeline.start[rows[timeline.process[rows] == process]]
    return np.diff(np.searchsorted(evaluations, starts), prepend=-1) > 0


def _phase_seconds(timeline: Timeline, steps: Ints, phase: str, process: int) -> Floats:
    """Seconds (N,) of a phase in each of a process's steps, found by time: numbers repeat where a job resumed."""
    if not len(steps):
        return np.zeros(0)
    rows = timeline.rows(phase)
    rows = rows[timeline.process[rows] == process]
    middle = timeline.start[rows] + timeline.seconds[rows] / 2  # rounding can put a start before that of its step
    owner = np.searchsorted(timeline.start[steps], middle, "right") - 1
    inside = (owner >= 0) & (middle <= (timeline.start + timeline.seconds)[steps][owner])
    return np.bincount(owner[inside], timeline.seconds[rows][inside], len(steps)).astype(np.float64)
