from dataclasses import replace

import pytest

from container.debugger.profiler_rules.batch_size import BatchSize
from container.debugger.verdict import ISSUES, NO_ISSUES, NOT_EVALUATED
from tests.container.debugger.profiler_rules.made_profile import JOB, QUICK, STARVED, MadeProfile, as_json, nothing

TINY = {"DataLoading": 0.001, "Forward": 0.01, "Backward": 0.02, "Optimizer": 0.03}


def test_a_half_idle_gpu_gets_a_larger_batch() -> None:
    verdict = BatchSize().judge(MadeProfile().steps(60).cores(30).gpu("gpu0", 50, memory=20).data(), JOB)
    assert verdict.status == ISSUES
    assert "50 % GPU utilisation, 20 % GPU memory" in verdict.message
    assert verdict.advice == "Raise batch_size from 64 to 128."
    assert set(as_json(verdict)["Details"]["algo-1"]) == {"cpu", "gpu0", "gpu0_memory"}


@pytest.mark.parametrize(
    ("utilisation", "memory", "batch_size"), [(10, 20, 256), (10, 5, 512), (10, 40, 128), (10, 60, 96)]
)
def test_the_batch_grows_only_as_far_as_memory_goes(utilisation, memory, batch_size) -> None:
    verdict = BatchSize().judge(MadeProfile().steps(60).gpu("gpu0", utilisation, memory=memory).data(), JOB)
    assert verdict.advice == f"Raise batch_size from 64 to {batch_size}."


@pytest.mark.parametrize(("utilisation", "memory", "cores"), [(95, 20, 30), (30, 80, 30), (30, 20, 90)])
def test_a_machine_that_is_full_of_anything_gets_no_larger_batch(utilisation, memory, cores) -> None:
    data = MadeProfile().steps(60).cores(cores).gpu("gpu0", utilisation, memory=memory).data()
    assert BatchSize().judge(data, JOB).status == NO_ISSUES


def test_without_a_gpu_steps_that_are_mostly_overhead_get_a_larger_batch() -> None:
    verdict = BatchSize().judge(MadeProfile().steps(200, TINY).cores(100).memory(20).data(), JOB)
    assert verdict.status == ISSUES
    assert verdict.message.startswith("50 % of a step of 61 ms")
    assert verdict.advice == "Raise batch_size from 64 to 256."


def test_without_a_gpu_steps_that_compute_are_left_alone() -> None:
    verdict = BatchSize().judge(MadeProfile().steps(60, QUICK).cores(40).memory(20).data(), JOB)
    assert verdict.status == NO_ISSUES


def test_no_memory_left_means_no_larger_batch() -> None:
    verdict = BatchSize().judge(MadeProfile().steps(200, TINY).memory(85).data(), JOB)
    assert verdict.status == NO_ISSUES
    assert "85 % of the memory" in verdict.message


def test_slices_of_a_batch_grow_before_the_batch_does() -> None:
    job = replace(JOB, hyperparameters={"accumulation_steps": "8"})
    verdict = BatchSize().judge(MadeProfile().steps(60).gpu("gpu0", 50).data(), job)
    assert verdict.advice.startswith("Lower accumulation_steps from 8 to 4")


@pytest.mark.parametrize("steps", [STARVED, {**TINY, "DataLoading": 0.2}])
def test_a_job_that_waits_for_data_is_sent_to_the_cause(steps) -> None:
    for data in (
        MadeProfile().steps(100, steps).gpu("gpu0", 20).data(),
        MadeProfile().steps(100, steps).memory(20).data(),
    ):
        verdict = BatchSize().judge(data, JOB)
        assert (verdict.status, verdict.advice) == (NO_ISSUES, "")
    assert (
        BatchSize()
        .judge(MadeProfile().steps(100, steps).gpu("gpu0", 20).data(), JOB)
        .message.startswith("Data loading takes")
    )


@pytest.mark.parametrize(
    "data", [nothing(), MadeProfile().steps(8).memory(20).data(), MadeProfile().steps(8).gpu("gpu0", 20).data()]
)
def test_too_little_data_is_no_good_news(data) -> None:
    assert BatchSize().judge(data, JOB).status == NOT_EVALUATED


def test_without_samples_of_memory_nobody_says_that_there_is_room() -> None:
    assert BatchSize().judge(MadeProfile().steps(200, TINY).data(), JOB).status == NOT_EVALUATED
