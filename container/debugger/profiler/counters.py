"""How busy the machine is, as the lines that SageMaker's own sampler writes: one number each.

Names, types and dimensions are those of real jobs. Rates are means since the reading before.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from container.debugger.profiler.gpu import Gpus

CGROUP_DIR = Path("/sys/fs/cgroup")
# (limit, usage, statistics, the statistic of file pages that may go at once), of the cgroup's versions 2 and 1
MEMORY_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
# What repeats or never leaves the machine. In a container there is usually just eth0.
INNER_INTERFACES = ("lo", "docker", "veth", "br-")
# A counter that cannot be read is left out of the sample: what psutil raises differs by system and by sandbox.
UNREADABLE = (OSError, ValueError, LookupError, RuntimeError, AttributeError, psutil.Error)


class Metric(NamedTuple):
    """One line: what the platform calls Type, Name, Dimension and Value."""

    type: str
    name: str
    dimension: str
    value: float


class Totals(NamedTuple):
    """What has been counted since the machine's start."""

    time: float  # seconds
    cores: dict[int, tuple[float, float, float | None]]  # core -> seconds in all, idle, waiting for I/O
    disk: tuple[int, int, int] | None  # operations, bytes read, bytes written
    network: tuple[int, int] | None  # bytes received, sent


class Counters:
    def __init__(self, time: float, gpus: Gpus | None = None, cgroup_dir: Path = CGROUP_DIR) -> None:
        self._gpus = gpus or Gpus()
        self._cgroup_dir = cgroup_dir
        self._before = read_totals(time)

    def read(self, time: float) -> list[Metric]:
        """Everything that can be read at `time` (seconds, on any clock), since the reading before."""
        before, now = self._before, read_totals(time)
        self._before = now
        metrics = [*core_metrics(before, now), *rate_metrics(before, now)]
        memory = _try(lambda: memory_used_percent(self._cgroup_dir))
        if memory is not None:
            metrics.append(Metric("memory", "MemoryUsedPercent", "", memory))
        for gpu in self._gpus.read():
            if gpu.utilization is not None:
                metrics.append(Metric("gpu", f"gpu{gpu.index}", "GPUUtilization", gpu.utilization))
            if gpu.memory is not None:
                metrics.append(Metric("gpu", f"gpu{gpu.index}", "GPUMemoryUtilization", gpu.memory))
        return metrics


def read_totals(time: float) -> Totals:
    return Totals(time, _try(_core_seconds) or {}, _try(_disk_totals), _try(_network_totals))


def core_metrics(before: Totals, now: Totals) -> Iterator[Metric]:
    for core, (total, idle, waiting) in now.cores.items():
        old_total, old_idle, old_waiting = before.cores.get(core, (total, idle, waiting))
        if total <= old_total:
            continue
        free = idle - old_idle
        if waiting is not None and old_waiting is not None:
            free += waiting - old_waiting
            share = _percent(waiting - old_waiting, total - old_total)
            yield Metric("cpu", f"cpu{core}", "I/OWaitPercentage", share)
        yield Metric("cpu", f"cpu{core}", "CPUUtilization", 100 - _percent(free, total - old_total))


def rate_metrics(before: Totals, now: Totals) -> Iterator[Metric]:
    seconds = now.time - before.time
    for kind, dimension, names, old, new in (
        (
            "i/o",
            "",
            ("IOPS", "ReadThroughputInBytesPerSecond", "WriteThroughputInBytesPerSecond"),
            before.disk,
            now.disk,
        ),
        ("network", "Algorithm", ("ReceiveBytesPerSecond", "TransmitBytesPerSecond"), before.network, now.network),
    ):
        # A device that went away takes its count with it: a rate below zero says nothing.
        if old is None or new is None or seconds <= 0 or any(b < a for a, b in zip(old, new, strict=True)):
            continue
        for name, a, b in zip(names, old, new, strict=True):
            yield Metric(kind, name, dimension, (b - a) / seconds)


def memory_used_percent(cgroup_dir: Path = CGROUP_DIR) -> float:
    """Of the container's limit where it has one, else of the machine. Cached files that may go at once do not count."""
    machine = psutil.virtual_memory()
    for limit_name, usage_name, statistics_name, cache_name in MEMORY_FILES:
        try:
            limit = int((cgroup_dir / limit_name).read_text())
            usage = int((cgroup_dir / usage_name).read_text())
            statistics = dict(line.split() for line in (cgroup_dir / statistics_name).read_text().splitlines())
        except (OSError, ValueError):  # ValueError: the limit is `max`
            continue
        if 0 < limit < machine.total:  # version 1 says a number beyond any memory where there is no limit
            return _percent(usage - int(statistics.get(cache_name, 0)), limit)
    return float(machine.percent)


def _core_seconds() -> dict[int, tuple[float, float, float | None]]:
    """Of the cores that this process may use."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    cores = {}
    for core, times in enumerate(psutil.cpu_times(percpu=True)):
        if usable is None or core in usable:
            # The time of guests is part of user's.
            total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
            cores[core] = (total, times.idle, getattr(times, "iowait", None))
    return cores


def _disk_totals() -> tuple[int, int, int] | None:
    disk = psutil.disk_io_counters()
    return None if disk is None else (disk.read_count + disk.write_count, disk.read_bytes, disk.write_bytes)


def _network_totals() -> tuple[int, int] | None:
    interfaces = psutil.net_io_counters(pernic=True).items()
    outer = [counts for name, counts in interfaces if not name.startswith(INNER_INTERFACES)]
    return (sum(each.bytes_recv for each in outer), sum(each.bytes_sent for each in outer)) if outer else None


def _percent(part: float, whole: float) -> float:
    return min(100.0, max(0.0, 100 * part / whole))


def _try(read: Callable[[], Any]) -> Any:
    """What `read` returns, or None where it cannot be read."""
    try:
        return read()
    except UNREADABLE:
        return None
