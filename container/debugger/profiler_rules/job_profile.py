"""What several rules derive from the same profile, each once: reading a long job's events is most of the work."""

from functools import cached_property

import numpy as np

from container.debugger.profiler.data import ProfilerData
from container.debugger.profiler_rules.checkpoints import Checkpoints, checkpoints_in_epochs
from container.debugger.profiler_rules.loading import LOADING, Waiting, waiting_for_data
from container.debugger.profiler_rules.overlap import covered_share
from container.debugger.profiler_rules.phrases import Floats
from container.debugger.profiler_rules.samples import CPU, Machine
from container.debugger.profiler_rules.steps import EVAL, TRAIN, Steps, Timeline, read_steps


class Profile:
    def __init__(self, data: ProfilerData) -> None:
        self.data = data

    @cached_property
    def timeline(self) -> Timeline:
        return Timeline(self.data.events)

    @cached_property
    def steps(self) -> Steps:
        """Training steps."""
        return read_steps(self.timeline, TRAIN)

    @cached_property
    def evaluation_steps(self) -> Steps:
        return read_steps(self.timeline, EVAL)

    @cached_property
    def loop(self) -> tuple[float, float] | None:
        """From the start of the first training step to the end of the last step, seconds since the epoch."""
        rows = np.concatenate([self.timeline.rows(TRAIN), self.timeline.rows(EVAL)])
        if not len(self.steps):
            return None
        return float(self.steps.start.min()), float((self.timeline.start + self.timeline.seconds)[rows].max())

    @cached_property
    def whole_machine(self) -> Machine:
        return Machine(self.data.system)

    @cached_property
    def machine(self) -> Machine:
        """While steps ran; all the time where no step is known. Reading files before the loop idles for good reason."""
        return Machine(self.data.system, self.loop)

    @cached_property
    def waiting(self) -> Waiting | None:
        return waiting_for_data(self.steps)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        return checkpoints_in_epochs(self.timeline)

    @cached_property
    def busy(self) -> float | None:
        """Percent of all cores of all nodes, on average while steps ran; None if unknown."""
        means = [float(samples.mean.mean()) for samples in self.machine.samples(CPU).values()]
        return sum(means) / len(means) if means else None

    @property
    def share_of_steps(self) -> float:
        """How much of the loop's time steps of either mode take, from 0 to 1; 0 where no step is known."""
        if self.loop is None:
            return 0.0
        seconds = self.timeline.total(TRAIN) + self.timeline.total(EVAL)
        whole = self.timeline.num_processes * (self.loop[1] - self.loop[0])
        return min(1.0, seconds / whole) if whole > 0 else 0.0

    def waiting_share(self, node: str, times: Floats) -> Floats:
        """For samples of a node at `times` (T,): the share (T,) of the time before each that was waiting for data."""
        timeline = self.timeline
        is_here = np.array([name == node for name in timeline.nodes], bool)
        rows = timeline.rows(LOADING)
        rows = rows[is_here[timeline.process[rows]]]
        return covered_share(timeline.start[rows], timeline.seconds[rows], times) / max(1, is_here.sum())
