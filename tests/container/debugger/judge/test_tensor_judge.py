"""Rules on tensors as the hook writes them: while the job goes on, and after it."""

from pathlib import Path
from typing import Any

import pytest

from container.debugger.judge import tensor_judge
from container.debugger.judge.tensor_judge import TensorJudge
from container.debugger.rules.catalogue import RULES
from container.debugger.verdict import ERROR, ISSUES, NO_ISSUES, NOT_EVALUATED
from tests.container.debugger.tensors.test_hook import EVERYTHING, Job, make_config

ALL_ZERO = {"tensor_regex": "gradient/Network_head.0.weight"}


class SickJob(Job):
    """Every gradient of it is saved as 0."""

    def __init__(self, folder: Path) -> None:
        super().__init__(make_config(folder, {"save_interval": "1"}, EVERYTHING))
        self.hook._gradient_scale = lambda: float("inf")


def statuses(judge: TensorJudge) -> dict[str, str]:
    return {verdict.rule: verdict.status for verdict in judge.verdicts()}


def test_a_job_that_has_saved_nothing_yet_is_waited_for(tmp_path: Path) -> None:
    judge = TensorJudge(tmp_path / "t", {"AllZero": ALL_ZERO})
    assert judge.look() == []
    (verdict,) = judge.verdicts()
    assert verdict.status == NOT_EVALUATED
    assert verdict.message == f"No tensor was saved in {tmp_path / 't'}."


def test_steps_are_judged_as_they_are_written_and_each_once(tmp_path: Path) -> None:
    job = SickJob(tmp_path / "t")
    judge = TensorJudge(tmp_path / "t", {"AllZero": ALL_ZERO, "ExplodingTensor": {}})
    for expected in (["AllZero"], []):  # only the first issue is news
        job.step()
        wait_until_written(job)
        assert judge.look() == expected
        assert judge.look() == []
    job.hook.close()
    assert judge.finish() == []
    assert statuses(judge) == {"AllZero": ISSUES, "ExplodingTensor": NO_ISSUES}
    verdict = judge.verdict("AllZero")
    assert verdict.triggered == 2
    assert [(issue.mode, issue.mode_step) for issue in verdict.issues] == [("TRAIN", 0), ("TRAIN", 1)]
    assert verdict.issues[0].tensor == "gradient/Network_head.0.weight"
    assert verdict.advice == RULES["AllZero"].advice


def wait_until_written(job: Job) -> None:
    while job.hook.background._waiting_bytes:
        job.hook.background._thread.join(0.001)


def test_a_healthy_job_is_told_how_much_was_looked_at(tmp_path: Path) -> None:
    Job(make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING)).run("TRAIN", "TRAIN", "EVAL")
    judge = TensorJudge(tmp_path / "t", {"AllZero": ALL_ZERO})
    judge.finish()
    (verdict,) = judge.verdicts()
    assert verdict.status == NO_ISSUES
    assert verdict.message == "Nothing was found in 2 values of 3 steps."
    assert verdict.advice == ""
    assert verdict.parameters["tensor_regex"] == "gradient/Network_head.0.weight"


def test_a_rule_whose_tensors_were_not_saved_names_the_collection_that_it_needs(tmp_path: Path) -> None:
    Job(make_config(tmp_path / "t", {"save_interval": "1"}, None)).run("TRAIN")
    judge = TensorJudge(tmp_path / "t", {"DeadRelu": {}})
    judge.finish()
    (verdict,) = judge.verdicts()
    assert verdict.status == NOT_EVALUATED
    assert "relu_output (.*relu_output)" in verdict.message


def test_a_rule_that_breaks_is_an_error_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: Any) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(RULES["ExplodingTensor"], "look", look)
    SickJob(tmp_path / "t").run("TRAIN")
    judge = TensorJudge(tmp_path / "t", {"ExplodingTensor": {}, "AllZero": ALL_ZERO})
    judge.finish()
    assert statuses(judge) == {"ExplodingTensor": ERROR, "AllZero": ISSUES}
    assert judge.verdict("ExplodingTensor").message == "ZeroDivisionError: division by zero"


def test_a_parameter_that_cannot_be_read_is_an_error_of_its_rule(tmp_path: Path) -> None:
    Job(make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING)).run("TRAIN")
    judge = TensorJudge(tmp_path / "t", {"AllZero": {"threshold": "much"}, "ExplodingTensor": {}})
    judge.finish()
    assert statuses(judge) == {"AllZero": ERROR, "ExplodingTensor": NO_ISSUES}
    assert "threshold is 'much'" in judge.verdict("AllZero").message


def test_another_run_is_compared_with_this_one(tmp_path: Path) -> None:
    for name, steps in (("one", 2), ("same", 2)):
        Job(make_config(tmp_path / name, {"save_interval": "1"}, EVERYTHING)).run(*["TRAIN"] * steps)
    changed = Job(make_config(tmp_path / "other", {"save_interval": "1"}, EVERYTHING))
    changed.optimizer.param_groups[0]["lr"] = 0.7
    changed.run("TRAIN", "TRAIN")
    for name, status in (("same", NO_ISSUES), ("other", ISSUES)):
        (tmp_path / name / "training_job_end.ts").touch()
        judge = TensorJudge(tmp_path / "one", {"SimilarAcrossRuns": {"other_trial_0": str(tmp_path / name)}})
        judge.finish()
        assert statuses(judge) == {"SimilarAcrossRuns": status}, judge.verdicts()


def test_silence_is_told_to_the_rule_for_stalled_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 10.0, 1900.0])
    monkeypatch.setattr(tensor_judge, "time", type("Clock", (), {"monotonic": staticmethod(lambda: next(clock))}))
    job = Job(make_config(tmp_path / "t", {"save_interval": "1"}, EVERYTHING))
    judge = TensorJudge(tmp_path / "t", {"StalledTraining": {}})
    job.step()
    wait_until_written(job)
    assert judge.look() == []
    assert judge.look() == ["StalledTraining"]
    job.hook.close()


def test_of_several_hosts_workers_only_those_of_this_host_are_waited_for(tmp_path: Path) -> None:
    job = Job(make_config(tmp_path / "t", {"save_interval": "1", "include_workers": "all"}, EVERYTHING))
    job.hook.num_workers = 2
    job.run("TRAIN")
    for num_hosts, status in ((1, NOT_EVALUATED), (2, NO_ISSUES)):
        judge = TensorJudge(tmp_path / "t", {"ExplodingTensor": {}}, num_hosts)
        judge.finish()
        assert statuses(judge) == {"ExplodingTensor": status}
