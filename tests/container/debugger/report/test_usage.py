import pandas
import pytest

from container.debugger.report import units
from container.debugger.report.usage import gauges
from tests.container.debugger.report.sample_run import system_frame


def test_cores_are_shown_as_their_mean_and_the_busiest() -> None:
    frame = pandas.DataFrame(
        [(1.0, "algo-1", "cpu", f"cpu{core}", "CPUUtilization", value) for core, value in enumerate((10.0, 90.0))],
        columns=["time", "node", "type", "name", "dimension", "value"],
    )
    assert [(gauge.label, gauge.value.tolist()) for gauge in gauges(frame)] == [
        ("all cores", [50.0]),
        ("busiest core", [90.0]),
    ]


def test_everything_that_the_sampler_writes_is_shown() -> None:
    found = {(gauge.group, gauge.label): gauge for gauge in gauges(system_frame(30))}
    assert found.keys() == {
        ("gpu", "gpu0"),
        ("gpu", "gpu0 memory"),
        ("cpu", "all cores"),
        ("cpu", "busiest core"),
        ("cpu", "I/O wait"),
        ("memory", "memory used"),
        ("disk", "disk read"),
        ("network", "network receive"),
    }
    assert found["disk", "disk read"].kind == units.RATE
    assert found["gpu", "gpu0 memory"].quantiles == pytest.approx([41.0] * 5)


def test_nodes_are_kept_apart() -> None:
    both = pandas.concat([system_frame(10), system_frame(10, node="algo-2", gpu=False)], ignore_index=True)
    assert [gauge.node for gauge in gauges(both) if gauge.group == "memory"] == ["algo-1", "algo-2"]
    assert [gauge.node for gauge in gauges(both) if gauge.group == "gpu"] == ["algo-1", "algo-1"]


def test_a_disks_operations_are_no_bytes() -> None:
    frame = system_frame(10).assign(type="i/o", name="IOPS", dimension="")
    assert [(gauge.group, gauge.kind) for gauge in gauges(frame)] == [("operations", units.NUMBER)]
