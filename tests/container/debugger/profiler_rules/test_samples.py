import numpy as np
import pytest

from container.debugger.profiler_rules.samples import CPU, GPU, MEMORY, NETWORK, Machine
from tests.container.debugger.profiler_rules.made_profile import START, MadeProfile


def sampled() -> MadeProfile:
    made = MadeProfile()
    made.clock += 2
    return made


def test_cores_become_columns_of_one_table_per_node() -> None:
    other = MadeProfile("algo-2")
    machine = Machine(sampled().cores(lambda number: 10.0 * number).data(other.cores(7)).system)
    samples = machine.samples(CPU)
    assert set(samples) == {"algo-1", "algo-2"}
    assert samples["algo-1"].devices == ("cpu0", "cpu1")
    assert samples["algo-1"].mean.tolist() == [0, 10, 20, 30, 40]
    assert machine.samples(GPU) == {}


def test_lines_a_few_milliseconds_apart_are_one_sample() -> None:
    made = sampled().sampled("cpu", ["cpu0"], CPU, 20).sampled("cpu", ["cpu1"], CPU, 40, start=START + 0.01)
    samples = Machine(made.data().system).samples(CPU)["algo-1"]
    assert samples.mean.tolist() == [30, 30, 30, 30, 20]  # the last one was not sampled twice
    assert np.isnan(samples.values[-1, 1])
    assert samples.of("cpu1").tolist() == [40] * 4


@pytest.mark.parametrize(("name", "dimension"), [("MemoryUsedPercent", ""), ("memory", "MemoryUsedPercent")])
def test_memory_is_found_by_its_name_or_its_dimension(name, dimension) -> None:
    machine = Machine(sampled().sampled("memory", [name], dimension, 40).data().system)
    assert machine.samples(MEMORY)["algo-1"].max.tolist() == [40] * 5


def test_the_directions_of_a_network_add_up() -> None:
    made = sampled().sampled("network", ["ReceiveBytesPerSecond", "TransmitBytesPerSecond"], "Algorithm", 3)
    assert Machine(made.data().system).samples(NETWORK)["algo-1"].sum.tolist() == [6] * 5


def test_a_period_leaves_the_rest_out() -> None:
    machine = Machine(sampled().cores(5).data().system, (START + 0.9, START + 1.6))
    assert machine.samples(CPU)["algo-1"].time.tolist() == [START + 1, START + 1.5]
