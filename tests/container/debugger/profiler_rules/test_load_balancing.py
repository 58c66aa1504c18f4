import numpy as np
import pytest

from container.debugger.profiler_rules.load_balancing import LoadBalancing, js_distance
from container.debugger.verdict import ISSUES, NO_ISSUES, NOT_EVALUATED
from tests.container.debugger.profiler_rules.made_profile import JOB, MadeProfile, as_json, nothing


def test_gpus_that_work_differently_hard_are_named() -> None:
    verdict = LoadBalancing().judge(MadeProfile().steps(60).gpu("gpu0", 95).gpu("gpu1", 40).data(), JOB)
    assert verdict.status == ISSUES
    assert verdict.message == "gpu0 of algo-1 is 95 % busy on average, and gpu1 40 %."
    details = as_json(verdict)["Details"]["algo-1"]
    assert details["distances"] == {"gpu0 gpu1": pytest.approx(np.sqrt(np.log(2)))}
    assert sum(details["workloads"]["gpu1"]) == pytest.approx(1)


def test_gpus_that_differ_by_a_hair_are_balanced_although_they_share_no_bin() -> None:
    verdict = LoadBalancing().judge(MadeProfile().steps(60).gpu("gpu0", 99).gpu("gpu1", 95).data(), JOB)
    assert (verdict.status, verdict.message) == (NO_ISSUES, "The GPUs are balanced: 95 % to 99 % busy on average.")


def test_one_gpu_cannot_be_compared() -> None:
    verdict = LoadBalancing().judge(MadeProfile().steps(60).gpu("gpu0", 95).data(), JOB)
    assert verdict.status == NOT_EVALUATED
    assert "needs two GPUs" in verdict.message
    assert LoadBalancing().judge(nothing(), JOB).status == NOT_EVALUATED


def test_too_few_samples_are_no_good_news() -> None:
    data = MadeProfile().steps(10).gpu("gpu0", 95).gpu("gpu1", 40).data()
    assert LoadBalancing().judge(data, JOB).status == NOT_EVALUATED
    assert LoadBalancing.from_text({"patience": "3", "threshold": "0.6"}).judge(data, JOB).status == ISSUES


def test_the_distance_is_nothing_for_equals_and_symmetric() -> None:
    first, second = np.array([0.5, 0.5, 0.0]), np.array([0.1, 0.2, 0.7])
    assert js_distance(first, first) == 0
    assert js_distance(first, second) == pytest.approx(js_distance(second, first))
