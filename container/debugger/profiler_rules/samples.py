"""The system metrics as tables of time by device."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas

from container.debugger.profiler_rules.phrases import Floats
from container.debugger.profiler_rules.steps import Bools

CPU, IO_WAIT, GPU, GPU_MEMORY = "CPUUtilization", "I/OWaitPercentage", "GPUUtilization", "GPUMemoryUtilization"
MEMORY, NETWORK = "MemoryUsedPercent", "network"
ONE_SAMPLE_SECONDS = 0.02  # lines this close belong together: the platform does not always give them one time


@dataclass(frozen=True)
class Samples:
    """One metric of one node: a column per core, GPU or direction."""

    time: Floats  # (T,) seconds since the epoch, rising
    values: Floats  # (T, D); NaN where a device was not sampled
    devices: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.time)

    @property
    def mean(self) -> Floats:
        """(T,) over the devices."""
        return np.nanmean(self.values, 1)

    @property
    def sum(self) -> Floats:
        return np.nansum(self.values, 1)

    @property
    def max(self) -> Floats:
        return np.nanmax(self.values, 1)

    def of(self, device: str) -> Floats:
        """The values of one device, without the moments at which it was not sampled."""
        values = self.values[:, self.devices.index(device)]
        return values[~np.isnan(values)]


class Machine:
    """All nodes, over the whole job or between two moments."""

    def __init__(self, system: pandas.DataFrame, period: tuple[float, float] | None = None) -> None:
        if period is not None:
            time = system["time"].to_numpy(float)
            system = system[(time >= period[0]) & (time <= period[1])]
        self._system = system
        self._found: dict[str, dict[str, Samples]] = {}

    def samples(self, metric: str) -> dict[str, Samples]:
        """Node -> its samples; nodes without that metric are left out."""
        if metric not in self._found:
            self._found[metric] = self._read(metric)
        return self._found[metric]

    def devices(self, metric: str) -> list[tuple[str, str, Floats]]:
        """(node, device, values (T,)) of every device."""
        return [
            (node, device, samples.of(device))
            for node, samples in self.samples(metric).items()
            for device in samples.devices
        ]

    def _read(self, metric: str) -> dict[str, Samples]:
        types, names, dimensions = self._columns
        if metric == MEMORY:  # the platform writes it as a name, others as a dimension
            mask = (names == metric) | (dimensions == metric)
        elif metric == NETWORK:
            mask = types == NETWORK
        else:
            mask = dimensions == metric
        rows = self._system[np.asarray(mask)]
        return {str(node): _table(part) for node, part in rows.groupby("node", observed=True, sort=True)}

    @cached_property
    def _columns(self) -> tuple[pandas.Series, pandas.Series, pandas.Series]:
        """Categories: comparing the text of a million rows for every metric would take most of the time."""
        system = self._system
        return (
            system["type"].astype("category"),
            system["name"].astype("category"),
            system["dimension"].astype("category"),
        )


def _table(rows: pandas.DataFrame) -> Samples:
    times, moment = np.unique(rows["time"].to_numpy(float), return_inverse=True)
    is_new: Bools = np.diff(times, prepend=-np.inf) > ONE_SAMPLE_SECONDS
    device, names = pandas.factorize(rows["name"], sort=True)
    values = np.full((int(is_new.sum()), len(names)), np.nan)
    values[(np.cumsum(is_new) - 1)[moment], device] = rows["value"].to_numpy(float)
    known = ~np.isnan(values).all(1)
    return Samples(times[is_new][known], values[known], tuple(map(str, names)))
