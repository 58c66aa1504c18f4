from dataclasses import replace

from container.debugger.profiler_rules.low_gpu_utilization import LowGPUUtilization
from container.debugger.verdict import ISSUES, NO_ISSUES, NOT_EVALUATED
from tests.container.debugger.profiler_rules.made_profile import JOB, QUICK, STARVED, MadeProfile, as_json, nothing


def test_a_gpu_that_waits_for_data_is_told_about_the_data() -> None:
    data = MadeProfile().steps(60, STARVED).cores(40).gpu("gpu0", 30).data()
    verdict = LowGPUUtilization().judge(data, JOB)
    assert verdict.status == ISSUES
    assert verdict.message == "gpu0 of algo-1 idles: 95 % of samples are below 30 %; the limit is 70 %."
    assert verdict.advice == "Data loading takes 61 % of a training step. Raise workers from 0 to 2 (2 cores)."
    assert as_json(verdict)["Details"]["algo-1"]["gpu0"]["gpu_95"] == 30


def test_an_idle_gpu_without_another_reason_gets_a_larger_batch() -> None:
    verdict = LowGPUUtilization().judge(MadeProfile().steps(60).gpu("gpu0", 30).data(), JOB)
    assert verdict.advice == "Raise batch_size from 64 to 128."


def test_a_gpu_that_waits_for_checkpoints_is_told_to_save_less_often() -> None:
    made = MadeProfile()
    for _ in range(30):
        made.steps(2).between_steps("Checkpoint", 0.5)
    job = replace(JOB, hyperparameters={"checkpoint_seconds": "1"})
    verdict = LowGPUUtilization().judge(made.steps(1).gpu("gpu0", 30).data(), job)
    assert verdict.advice == "Checkpoints take 43 % of the time. Raise checkpoint_seconds from 1 to 25."


def test_bursts_are_found_although_the_best_samples_are_busy() -> None:
    data = MadeProfile().steps(60).gpu("gpu0", lambda sample: 95.0 if sample % 2 else 2.0).data()
    verdict = LowGPUUtilization().judge(data, JOB)
    assert "works in bursts" in verdict.message
    assert verdict.advice.endswith("0 % of the loop's time lie between steps.")  # a larger batch would not help


def test_a_batch_that_fills_the_memory_is_not_told_to_grow() -> None:
    verdict = LowGPUUtilization().judge(MadeProfile().steps(60).gpu("gpu0", 30, memory=88).data(), JOB)
    assert verdict.advice.startswith("Use a machine with a smaller GPU: its memory is 88 % full")


def test_a_busy_gpu_has_no_issue_whatever_the_other_does() -> None:
    data = MadeProfile().steps(60).gpu("gpu0", 95).gpu("gpu1", 5).data()
    verdict = LowGPUUtilization().judge(data, JOB)
    assert [issue.message.split()[0] for issue in verdict.issues] == ["gpu1"]
    assert LowGPUUtilization().judge(MadeProfile().steps(60).gpu("gpu0", 95).data(), JOB).status == NO_ISSUES


def test_without_a_gpu_the_cores_are_judged() -> None:
    verdict = LowGPUUtilization().judge(MadeProfile().steps(60, STARVED).cores(40).data(), JOB)
    assert verdict.message.startswith("cpu of algo-1 idles")
    assert verdict.advice.endswith("Raise workers from 0 to 2 (2 cores).")
    assert LowGPUUtilization().judge(MadeProfile().steps(60).cores(95).data(), JOB).status == NO_ISSUES


def test_cores_that_nothing_could_use_are_too_many() -> None:
    verdict = LowGPUUtilization().judge(MadeProfile().steps(60).cores(20).data(), replace(JOB, cores=16))
    assert verdict.advice == "Use a machine with fewer cores: the work of 4 of 16 is done."


def test_idling_before_the_first_step_is_nobodys_fault() -> None:
    made = MadeProfile().between_steps("Initialization", 60).steps(60, QUICK)
    data = made.gpu("gpu0", lambda sample: 0.0 if sample < 120 else 95.0).data()
    assert LowGPUUtilization().judge(data, JOB).status == NO_ISSUES


def test_too_few_samples_are_no_good_news() -> None:
    few = LowGPUUtilization().judge(MadeProfile().steps(20).gpu("gpu0", 5).data(), JOB)
    assert few.status == NOT_EVALUATED
    assert "14 samples of a device; it takes 20" in few.message
    assert LowGPUUtilization().judge(nothing(), JOB).status == NOT_EVALUATED


def test_text_parameters_move_the_limits() -> None:
    data = MadeProfile().steps(20).gpu("gpu0", 50).data()
    rule = LowGPUUtilization.from_text({"patience": "10", "threshold_p95": "40", "threshold_p5": "0"})
    assert rule.judge(data, JOB).status == NO_ISSUES


def test_only_the_last_samples_are_judged() -> None:
    data = MadeProfile().steps(200).gpu("gpu0", lambda sample: 20.0 if sample < 100 else 95.0).data()
    assert LowGPUUtilization.from_text({"window": "30"}).judge(data, JOB).status == NO_ISSUES
    late = MadeProfile().steps(200).gpu("gpu0", lambda sample: 95.0 if sample < 100 else 20.0).data()
    assert LowGPUUtilization().judge(late, JOB).status == NO_ISSUES
    assert LowGPUUtilization.from_text({"window": "30"}).judge(late, JOB).status == ISSUES
