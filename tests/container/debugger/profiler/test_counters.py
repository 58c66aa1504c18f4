import os
import time
from pathlib import Path

import psutil
import pytest

from container.debugger.profiler.counters import (
    Counters,
    Metric,
    Totals,
    core_metrics,
    memory_used_percent,
    rate_metrics,
)
from container.debugger.profiler.gpu import Gpus, GpuSample

GIB = 2**30


def totals(time: float, **counted: object) -> Totals:
    return Totals(time, **{"cores": {}, "disk": None, "network": None, **counted})  # type: ignore[arg-type]


class TwoGpus(Gpus):
    def __init__(self) -> None:
        super().__init__("no-such-library.so")

    def read(self) -> list[GpuSample]:
        return [GpuSample(0, 40.0, 25.0), GpuSample(1, None, 75.0)]


def test_a_cores_time_is_split_into_busy_and_waiting() -> None:
    before = totals(0, cores={3: (100.0, 50.0, 10.0)})
    now = totals(1, cores={3: (110.0, 52.0, 12.0)})  # of 10 seconds, 2 idle and 2 waiting
    assert list(core_metrics(before, now)) == [
        Metric("cpu", "cpu3", "I/OWaitPercentage", 20.0),
        Metric("cpu", "cpu3", "CPUUtilization", 60.0),
    ]


def test_a_core_that_counted_nothing_or_was_not_there_is_left_out() -> None:
    before = totals(0, cores={0: (100.0, 50.0, 10.0)})
    now = totals(1, cores={0: (100.0, 50.0, 10.0), 1: (5.0, 1.0, 1.0)})
    assert list(core_metrics(before, now)) == []


def test_rates_are_per_second_under_the_platforms_names() -> None:
    before = totals(10, disk=(5, 1000, 2000), network=(7, 8))
    now = totals(12, disk=(9, 5000, 2000), network=(107, 8))
    assert list(rate_metrics(before, now)) == [
        Metric("i/o", "IOPS", "", 2.0),
        Metric("i/o", "ReadThroughputInBytesPerSecond", "", 2000.0),
        Metric("i/o", "WriteThroughputInBytesPerSecond", "", 0.0),
        Metric("network", "ReceiveBytesPerSecond", "Algorithm", 50.0),
        Metric("network", "TransmitBytesPerSecond", "Algorithm", 0.0),
    ]


def test_a_count_that_fell_or_cannot_be_read_gives_no_rate() -> None:
    before = totals(10, disk=(5, 1000, 2000), network=(7, 8))
    assert list(rate_metrics(before, totals(12, disk=(4, 5000, 2000)))) == []


def test_gpus_are_numbered_and_unknown_values_left_out() -> None:
    metrics = Counters(0.0, TwoGpus()).read(1.0)
    assert [metric for metric in metrics if metric.type == "gpu"] == [
        Metric("gpu", "gpu0", "GPUUtilization", 40.0),
        Metric("gpu", "gpu0", "GPUMemoryUtilization", 25.0),
        Metric("gpu", "gpu1", "GPUMemoryUtilization", 75.0),
    ]


def test_a_busy_loop_shows() -> None:
    counters = Counters(time.monotonic())
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass
    metrics = counters.read(time.monotonic())
    assert sum(metric.value for metric in metrics if metric.dimension == "CPUUtilization") > 60
    assert all(0 <= metric.value <= 100 for metric in metrics if metric.type in ("cpu", "memory"))


def test_only_cores_that_this_process_may_use_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    counters = Counters(time.monotonic())
    until = time.monotonic() + 0.05
    while time.monotonic() < until:
        pass
    assert {metric.name for metric in counters.read(time.monotonic()) if metric.type == "cpu"} == {"cpu0"}


def test_what_cannot_be_read_is_left_out_of_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError

    for name in ("cpu_times", "disk_io_counters", "net_io_counters"):
        monkeypatch.setattr(psutil, name, refuse)
    assert [metric.name for metric in Counters(0.0).read(1.0)] == ["MemoryUsedPercent"]


def write_cgroup(folder: Path, limit: object, version: int) -> Path:
    names, cache = (
        (("memory.max", "memory.current", "memory.stat"), "inactive_file")
        if version == 2
        else (("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"), "total_inactive_file")
    )
    inside = folder if version == 2 else folder / "memory"
    inside.mkdir(exist_ok=True)
    for name, content in zip(names, (limit, GIB // 2, f"anon 1\n{cache} {GIB // 4}"), strict=True):
        (inside / name).write_text(f"{content}\n")
    return folder


@pytest.mark.parametrize("version", [1, 2])
def test_memory_is_that_of_the_container_where_it_has_a_limit(tmp_path: Path, version: int) -> None:
    assert memory_used_percent(write_cgroup(tmp_path, GIB, version)) == 25.0  # without files that may go


@pytest.mark.parametrize(("version", "limit"), [(1, 9_223_372_036_854_771_712), (2, "max")])
def test_memory_is_that_of_the_machine_without_a_limit(tmp_path: Path, version: int, limit: object) -> None:
    machine = psutil.virtual_memory().percent
    assert memory_used_percent(write_cgroup(tmp_path, limit, version)) == pytest.approx(machine, abs=10)
