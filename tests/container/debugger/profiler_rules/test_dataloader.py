from dataclasses import replace

import pytest

from container.debugger.profiler_rules.dataloader import Dataloader
from container.debugger.verdict import ISSUES, NO_ISSUES, NOT_EVALUATED
from tests.container.debugger.profiler_rules.made_profile import JOB, QUICK, STARVED, MadeProfile, as_json, nothing


def test_a_job_that_waits_for_data_is_told_how_many_workers_to_use() -> None:
    verdict = Dataloader().judge(MadeProfile().steps(60, STARVED).cores(60).data(), JOB)
    assert verdict.status == ISSUES
    assert verdict.message == "Data loading takes 61 % of a training step with 0 loader processes."
    assert verdict.advice == "Raise workers from 0 to 2 (2 cores)."
    assert (verdict.issues[0].mode, verdict.issues[0].mode_step) == ("TRAIN", 2)  # the first after warm-up
    assert as_json(verdict)["Details"]["num_workers"] == 0


def test_a_job_that_does_not_wait_has_no_issue() -> None:
    verdict = Dataloader().judge(MadeProfile().steps(60, QUICK).data(), JOB)
    assert (verdict.status, verdict.advice, verdict.triggered) == (NO_ISSUES, "", 0)
    assert "3 %" in verdict.message


def test_waits_too_short_for_another_process_to_help_are_no_issue() -> None:
    short = {name: seconds / 1000 for name, seconds in STARVED.items()}
    verdict = Dataloader().judge(MadeProfile().steps(60, short).data(), JOB)
    assert (verdict.status, verdict.message) == (NO_ISSUES, "Data loading takes 61 % of a training step.")


def test_far_more_workers_than_cores_are_too_many() -> None:
    verdict = Dataloader().judge(MadeProfile().steps(60, QUICK).data(), replace(JOB, workers=6))
    assert verdict.status == ISSUES
    assert verdict.advice == "Lower workers from 6 to 2: there are 2 cores."


def test_workers_that_wait_for_storage_may_be_more_than_there_are_cores() -> None:
    verdict = Dataloader().judge(MadeProfile().steps(60, STARVED).cores(15).data(), replace(JOB, workers=2))
    assert verdict.advice == "Raise workers from 2 to 4 (2 cores)."


def test_as_many_workers_as_help_that_still_wait_point_to_the_storage() -> None:
    verdict = Dataloader().judge(MadeProfile().steps(60, STARVED).cores(15).data(), replace(JOB, workers=4))
    assert "input mode File" in verdict.advice


def test_busy_cores_are_told_to_decode_less() -> None:
    job = replace(JOB, workers=2, hyperparameters={"augment": "strong"})
    verdict = Dataloader().judge(MadeProfile().steps(60, STARVED).cores(99).data(), job)
    assert verdict.advice.startswith("Store the images at about 80 pixels")
    assert "augment from strong to basic" in verdict.advice


def test_workers_that_found_no_shared_memory_are_not_told_to_become_more() -> None:
    job = replace(JOB, workers=0, hyperparameters={"workers": "2"})
    verdict = Dataloader().judge(MadeProfile().steps(60, STARVED).cores(50).data(), job)
    assert "--shm-size" in verdict.advice


def test_the_cores_are_divided_among_the_gpus() -> None:
    verdict = Dataloader().judge(MadeProfile().steps(60, STARVED).data(), replace(JOB, cores=8, num_gpus=8))
    assert verdict.advice == "Raise workers from 0 to 1 (1 core)."


def test_many_short_epochs_that_start_many_workers_are_told_to_start_fewer() -> None:
    made = MadeProfile()
    for _ in range(6):
        made.steps(1, {**QUICK, "DataLoading": 3.0}).steps(4, QUICK).steps(1, {"Forward": 0.1}, mode="EVAL")
    verdict = Dataloader().judge(made.data(), replace(JOB, workers=4))
    assert "first batch of 5 epochs" in verdict.message
    assert verdict.advice.startswith("Lower workers from 4 to 2")


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        (nothing(), "no steps"),
        (MadeProfile().steps(60, {"Forward": 0.1}).data(), "no phase DataLoading"),
        (MadeProfile().steps(4, STARVED).data(), "fewer than 5 steps"),
    ],
)
def test_too_little_data_is_no_good_news(data, missing) -> None:
    verdict = Dataloader().judge(data, JOB)
    assert verdict.status == NOT_EVALUATED
    assert verdict.message.startswith("Not enough data: ")
    assert missing in verdict.message


def test_the_share_that_counts_as_waiting_is_a_parameter() -> None:
    rule = Dataloader.from_text({"waiting_threshold": "70"})
    assert rule.judge(MadeProfile().steps(60, STARVED).data(), JOB).status == NO_ISSUES
