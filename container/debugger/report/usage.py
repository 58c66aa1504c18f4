"""How busy the machines were: series over time and percentiles, from the system metrics."""

from dataclasses import dataclass

import numpy as np
import pandas

from container.debugger.report import units
from container.debugger.report.thin import Series

GROUPS = {"disk": ("disk", "i/o"), "network": ("network",)}  # what we call it -> what samplers call its type
FLOWS = ("read", "write", "receive", "transmit")
QUANTILES = (1.0, 0.99, 0.95, 0.5, 0.0)  # as the platform's table has them: max, p99, p95, p50, min


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """One thing that was measured over time. `time` is seconds since the epoch."""

    group: str  # gpu, cpu, memory, disk, network or operations
    node: str
    label: str
    kind: str  # of units
    time: Series  # (N,)
    value: Series  # (N,)

    @property
    def quantiles(self) -> list[float]:
        return [float(value) for value in np.quantile(self.value, QUANTILES)]


def gauges(system: pandas.DataFrame) -> list[Gauge]:
    """Everything measured: GPUs one by one, cores as their mean and the busiest one, disks and networks as sums."""
    found: list[Gauge] = []
    for node, rows in system.groupby("node", sort=True, observed=True):
        found += _gpus(str(node), rows[rows["type"] == "gpu"])
        found += _cores(str(node), rows[rows["type"] == "cpu"])
        used = rows[(rows["type"] == "memory") | (rows["name"] == "MemoryUsedPercent")]
        if not used.empty:
            found.append(_gauge("memory", str(node), "memory used", units.PERCENT, _by_time(used).max()))
        for group, types in GROUPS.items():
            found += _flows(group, str(node), rows[rows["type"].isin(types)])
    return found


def _gpus(node: str, rows: pandas.DataFrame) -> list[Gauge]:
    names = {"GPUUtilization": "", "GPUMemoryUtilization": " memory"}
    found = [
        _gauge("gpu", node, f"{name}{names[dimension]}", units.PERCENT, _by_time(part).mean())
        for (dimension, name), part in rows.groupby(["dimension", "name"], observed=True)
        if dimension in names
    ]
    return sorted(found, key=lambda gauge: gauge.label.endswith("memory"))


def _cores(node: str, rows: pandas.DataFrame) -> list[Gauge]:
    busy, waiting = (_by_time(rows[rows["dimension"] == name]) for name in ("CPUUtilization", "I/OWaitPercentage"))
    found = []
    if busy.ngroups:
        found.append(_gauge("cpu", node, "all cores", units.PERCENT, busy.mean()))
        found.append(_gauge("cpu", node, "busiest core", units.PERCENT, busy.max()))
    if waiting.ngroups:
        found.append(_gauge("cpu", node, "I/O wait", units.PERCENT, waiting.mean()))
    return found


def _flows(group: str, node: str, rows: pandas.DataFrame) -> list[Gauge]:
    """What goes through disks or networks, by the word in its name or, as others write it, in its dimension."""
    found = []
    label = rows["name"].where(rows["name"].str.contains("PerSecond|IOPS"), rows["dimension"])
    for name, part in rows.groupby(label, observed=True):
        word = next((word for word in FLOWS if word in str(name).lower()), str(name))
        if "IOPS" in str(name):
            found.append(_gauge("operations", node, "disk operations per second", units.NUMBER, _by_time(part).sum()))
        else:
            found.append(_gauge(group, node, f"{group} {word}", units.RATE, _by_time(part).sum()))
    return found


def _by_time(rows: pandas.DataFrame) -> "pandas.api.typing.SeriesGroupBy":
    return rows.groupby("time", sort=True)["value"]


def _gauge(group: str, node: str, label: str, kind: str, values: pandas.Series) -> Gauge:
    return Gauge(
        group=group,
        node=node,
        label=label,
        kind=kind,
        time=values.index.to_numpy(float),
        value=values.to_numpy(float),
    )
