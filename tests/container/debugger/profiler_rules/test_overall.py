import pytest

from container.debugger.profiler_rules.overall_framework_metrics import OverallFrameworkMetrics
from container.debugger.profiler_rules.overall_system_usage import OverallSystemUsage
from container.debugger.verdict import NO_ISSUES, NOT_EVALUATED
from tests.container.debugger.profiler_rules.made_profile import JOB, MadeProfile, as_json, nothing


def test_the_system_table_has_the_platforms_percentiles_for_every_node() -> None:
    first = MadeProfile().steps(60).cores(lambda sample: 90.0 if sample % 4 == 0 else 50.0).memory(40).gpu("gpu0", 70)
    first.sampled("network", ["ReceiveBytesPerSecond", "TransmitBytesPerSecond"], "Algorithm", 50)
    verdict = OverallSystemUsage().judge(first.data(MadeProfile("algo-2").steps(60).cores(20)), JOB)
    assert verdict.status == NO_ISSUES
    details = as_json(verdict)["Details"]
    assert set(details) == {"Network", "GPU", "CPU", "CPU memory", "GPU memory", "I/O"}
    assert details["CPU"]["algo-1"] == {"max": 90, "p99": 90, "p95": 90, "p50": 50, "min": 50}
    assert details["CPU"]["algo-2"]["p50"] == 20
    assert details["Network"]["algo-1"]["max"] == 100  # both directions
    assert details["GPU memory"]["algo-1"]["p50"] == 30
    assert "algo-1 were 50 % busy at the median" in verdict.message


def test_the_framework_table_says_where_the_time_went() -> None:
    made = MadeProfile().between_steps("Initialization", 5)
    phases = {"DataLoading": 0.1, "Forward": 0.2, "Backward": 0.4, "Optimizer": 0.3}
    made.steps(10, phases).steps(10, {"Forward": 0.25}, mode="EVAL").between_steps("Checkpoint", 2.5)
    made.operators = [
        {
            "steps": [3, 5],
            "operators": [
                {"name": "aten::conv2d", "self_us": 30, "total_us": 40, "calls": 3, "device": "cpu"},
                {"name": "aten::relu", "self_us": 10, "total_us": 10, "calls": 3, "device": "cpu"},
                {"name": "gemm", "self_us": 7, "total_us": 7, "calls": 3, "device": "cuda"},
            ],
        }
    ]
    verdict = OverallFrameworkMetrics().judge(made.data(), JOB)
    assert verdict.status == NO_ISSUES
    details = as_json(verdict)["Details"]
    assert details["phase_time"] == pytest.approx({"TRAIN": 10, "EVAL": 2.5, "others": 7.5})
    assert details["phase"] == pytest.approx({"TRAIN": 50, "EVAL": 12.5, "others": 37.5})
    assert details["forward_backward"]["Backward"] == pytest.approx(100 * 4 / 8.5)
    assert details["ratio"]["EVAL/TRAIN"] == pytest.approx(0.25)
    assert details["CPU"] == {"aten::conv2d": 75, "aten::relu": 25}
    assert details["GPU_total"] == {"gemm": 7}
    assert verdict.message == "50 % of the job's time were training steps, 12 % evaluation."


def test_processes_side_by_side_do_not_add_up_to_more_than_the_job() -> None:
    data = MadeProfile().steps(10).data(MadeProfile(pid=2).steps(10))
    assert OverallFrameworkMetrics().judge(data, JOB).details["phase"]["TRAIN"] == pytest.approx(100)


@pytest.mark.parametrize("rule", [OverallFrameworkMetrics, OverallSystemUsage])
def test_nothing_recorded_is_said(rule) -> None:
    assert rule().judge(nothing(), JOB).status == NOT_EVALUATED
