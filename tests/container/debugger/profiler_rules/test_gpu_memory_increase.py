from container.debugger.profiler_rules.gpu_memory_increase import GPUMemoryIncrease
from container.debugger.verdict import ISSUES, NO_ISSUES, NOT_EVALUATED
from tests.container.debugger.profiler_rules.made_profile import JOB, MadeProfile, as_json, nothing

HOUR = 3600 / 33 * 100  # steps of 0.33 s


def test_a_slow_leak_is_found_and_its_end_foretold() -> None:
    data = MadeProfile().steps(int(HOUR)).gpu("gpu0", 90, memory=lambda sample: 30 + sample / 720).data()  # 10 points
    verdict = GPUMemoryIncrease().judge(data, JOB)
    assert verdict.status == ISSUES
    assert verdict.message.startswith("gpu0 of algo-1 grows steadily, by 8.0 points in 48 min, 10 per hour")
    assert verdict.message.endswith("it is full in 6.05 h.")
    assert "kept between steps" in verdict.advice
    assert 7.9 < as_json(verdict)["Details"]["algo-1"]["gpu0"]["increase"] < 8.1


def test_one_larger_allocation_is_not_called_a_leak() -> None:
    data = MadeProfile().steps(300).gpu("gpu0", 90, memory=lambda sample: 60.0 if sample > 100 else 30.0).data()
    verdict = GPUMemoryIncrease().judge(data, JOB)
    assert verdict.message == "gpu0 of algo-1 rose by 30.0 points to 60 %, and not steadily."
    assert "batch_size" in verdict.advice


def test_filling_up_in_the_beginning_is_normal() -> None:
    data = MadeProfile().steps(300).gpu("gpu0", 90, memory=lambda sample: min(60.0, 10.0 * sample)).data()
    assert GPUMemoryIncrease().judge(data, JOB).status == NO_ISSUES


def test_without_a_gpu_the_machines_memory_is_judged() -> None:
    leak = MadeProfile().steps(300).memory(lambda sample: 30 + sample / 8).data()
    assert GPUMemoryIncrease().judge(leak, JOB).message.startswith("memory of algo-1 grows steadily")
    steady = MadeProfile().steps(300).memory(lambda sample: 30 + sample % 3).data()
    assert GPUMemoryIncrease().judge(steady, JOB).status == NO_ISSUES


def test_too_few_samples_are_no_good_news() -> None:
    data = MadeProfile().steps(60).memory(lambda sample: 30 + sample).data()
    assert GPUMemoryIncrease().judge(data, JOB).status == NOT_EVALUATED
    assert GPUMemoryIncrease.from_text({"patience": "20"}).judge(data, JOB).status == ISSUES
    assert GPUMemoryIncrease().judge(nothing(), JOB).status == NOT_EVALUATED
