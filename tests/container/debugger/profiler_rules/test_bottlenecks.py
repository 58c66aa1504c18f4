from dataclasses import replace

import pytest

from container.debugger.profiler_rules.cpu_bottleneck import CPUBottleneck
from container.debugger.profiler_rules.io_bottleneck import IOBottleneck
from container.debugger.verdict import ISSUES, NO_ISSUES, NOT_EVALUATED
from tests.container.debugger.profiler_rules.made_profile import JOB, STARVED, MadeProfile, as_json, nothing

WAITING = {**STARVED, "DataLoading": 2.0}


@pytest.mark.parametrize(("rule", "cores", "disk"), [(CPUBottleneck, 99, 0), (IOBottleneck, 5, 90)], ids=["cpu", "i/o"])
@pytest.mark.parametrize("with_gpu", [True, False])
def test_starving_beside_something_saturated_is_a_bottleneck(rule, cores, disk, with_gpu) -> None:
    made = MadeProfile().steps(30, WAITING).cores(cores, waiting=disk)
    verdict = rule().judge((made.gpu("gpu0", 3) if with_gpu else made).data(), replace(JOB, workers=2))
    assert verdict.status == ISSUES
    assert verdict.message.startswith("In ")
    assert verdict.advice
    assert verdict.violations > 0.5 * verdict.datapoints
    moment = next(iter(as_json(verdict)["Details"]["bottlenecks"].values()))
    assert moment["GPUs"] == ({"gpu0": 3} if with_gpu else {})
    assert set(moment["CPUs"]) == {"cpu0", "cpu1"}


@pytest.mark.parametrize("rule", [CPUBottleneck, IOBottleneck])
@pytest.mark.parametrize("with_gpu", [True, False])
def test_starving_beside_idle_cores_is_no_bottleneck_of_theirs(rule, with_gpu) -> None:
    made = MadeProfile().steps(30, WAITING).cores(20, waiting=1)
    verdict = rule().judge((made.gpu("gpu0", 3) if with_gpu else made).data(), JOB)
    assert verdict.status == NO_ISSUES
    assert verdict.message.startswith("In 0 % of samples")


def test_cores_that_train_may_be_as_busy_as_they_like() -> None:
    assert CPUBottleneck().judge(MadeProfile().steps(100).cores(100).data(), JOB).status == NO_ISSUES


def test_one_busy_core_is_a_bottleneck_of_a_gpu_and_not_of_a_machine_without_one() -> None:
    made = MadeProfile().steps(30, WAITING).sampled("cpu", ["cpu0"], "CPUUtilization", 99)
    made.sampled("cpu", ["cpu1"], "CPUUtilization", 1)
    assert CPUBottleneck().judge(made.data(), JOB).status == NO_ISSUES
    assert CPUBottleneck().judge(made.gpu("gpu0", 3).data(), JOB).status == ISSUES


def test_a_bottleneck_now_and_then_is_below_the_threshold() -> None:
    data = MadeProfile().steps(60).gpu("gpu0", 3).cores(lambda sample: 99.0 if sample % 4 == 0 else 20.0).data()
    assert CPUBottleneck().judge(data, JOB).status == NO_ISSUES
    assert CPUBottleneck.from_text({"threshold": "20"}).judge(data, JOB).status == ISSUES


def test_a_disk_that_holds_up_too_few_workers_gets_more_of_them() -> None:
    data = MadeProfile().steps(30, WAITING).cores(5, waiting=90).data()
    assert "Raise workers from 0 to 4" in IOBottleneck().judge(data, JOB).advice
    assert "input mode File" in IOBottleneck().judge(data, replace(JOB, workers=2)).advice


@pytest.mark.parametrize("rule", [CPUBottleneck, IOBottleneck])
def test_too_little_data_is_no_good_news(rule) -> None:
    few, unknown = MadeProfile().steps(10).cores(99), MadeProfile().steps(60, {"Forward": 0.5}).cores(99)
    for data in (nothing(), few.data(), unknown.data()):
        assert rule().judge(data, JOB).status == NOT_EVALUATED


def test_a_sample_starves_when_most_of_its_time_is_waiting() -> None:
    short = {name: seconds / 10 for name, seconds in STARVED.items()}  # 61 % of every sample
    assert CPUBottleneck().judge(MadeProfile().steps(300, short).cores(99).data(), JOB).status == ISSUES


def test_two_processes_that_wait_a_little_do_not_wait_a_lot_together() -> None:
    some = {"DataLoading": 0.03, "Forward": 0.07}  # 30 % each
    data = MadeProfile().steps(300, some).cores(99).data(MadeProfile(pid=2).steps(300, some))
    assert CPUBottleneck().judge(data, JOB).status == NO_ISSUES


def test_saturated_cores_beside_a_gpu_that_works_are_no_bottleneck() -> None:
    data = MadeProfile().steps(60).gpu("gpu0", 60).cores(99, waiting=90).data()
    assert [rule().judge(data, JOB).status for rule in (CPUBottleneck, IOBottleneck)] == [NO_ISSUES] * 2
