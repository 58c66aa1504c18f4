from dataclasses import replace

import pytest

from container.debugger.profiler_rules.step_outlier import StepOutlier
from container.debugger.verdict import ISSUES, NO_ISSUES, NOT_EVALUATED
from tests.container.debugger.profiler_rules.made_profile import JOB, QUICK, MadeProfile, as_json, nothing

SLOW_BACKWARD = {**QUICK, "Backward": 20.0}


def test_one_huge_outlier_does_not_hide_in_its_own_spread() -> None:
    verdict = StepOutlier().judge(MadeProfile().steps(80).steps(1, SLOW_BACKWARD).steps(80).data(), JOB)
    assert verdict.status == ISSUES
    assert verdict.message.startswith("1 of 159 steps took longer than")
    assert verdict.message.endswith("mostly in Backward.")
    assert verdict.issues[1].message == "Step 80 took 20.1 s, mostly more of Backward."
    assert (verdict.issues[1].mode, verdict.issues[1].mode_step) == ("TRAIN", 80)
    node = as_json(verdict)["Details"]["step_details"]["algo-1"]
    assert (node["step_numbers"], node["phase"], node["number_of_outliers"]) == ([80], "Backward", 1)
    assert sum(node["probs"]) == pytest.approx(1)


def test_steps_that_are_all_alike_have_no_outlier() -> None:
    verdict = StepOutlier().judge(MadeProfile().steps(100).steps(5, {**QUICK, "Forward": 0.12}).data(), JOB)
    assert verdict.status == NO_ISSUES


def test_the_first_steps_are_warm_up() -> None:
    assert StepOutlier().judge(MadeProfile().steps(2, SLOW_BACKWARD).steps(100).data(), JOB).status == NO_ISSUES


def test_steps_that_the_operator_profiler_made_slow_are_not_held_against_the_job() -> None:
    made = MadeProfile().steps(50).steps(4, SLOW_BACKWARD).steps(50)
    assert StepOutlier().judge(made.data(), JOB).status == ISSUES
    made.operators = [{"steps": [50, 52], "operators": []}]
    assert StepOutlier().judge(made.data(), JOB).status == NO_ISSUES


def test_outliers_at_equal_distances_are_told_by_their_distance() -> None:
    made = MadeProfile()
    for _ in range(12):
        made.steps(24).steps(1, {**QUICK, "Backward": 2.0})
    verdict = StepOutlier().judge(made.data(), JOB)
    assert "12 (every 25th) of 298" in verdict.message
    assert "every 25 steps" in verdict.advice
    assert "save_interval" in verdict.advice


def test_outliers_that_wait_for_data_get_advice_on_data() -> None:
    made = MadeProfile().steps(60).steps(3, {**QUICK, "DataLoading": 10}).steps(60).cores(50)
    verdict = StepOutlier().judge(made.data(), JOB)
    assert verdict.advice.startswith("Raise workers from 0 to ")


def test_a_checkpoint_that_was_written_meanwhile_is_named() -> None:
    made = MadeProfile().steps(60)
    begin = made.clock
    made.steps(1, SLOW_BACKWARD).steps(60)
    made.events.append(("Checkpoint", "save", begin + 1, 15.0, -1, "", 1, "algo-1"))
    verdict = StepOutlier.from_text({"lost_threshold": "30"}).judge(made.data(), JOB)
    assert verdict.issues[1].message.endswith("while a checkpoint was being written.")
    assert verdict.advice.startswith("Leave at least 750 s between checkpoints")


def test_checkpoints_between_steps_count_although_no_step_is_long() -> None:
    made = MadeProfile()
    for _ in range(30):
        made.steps(1).between_steps("Checkpoint", 0.5)
    made.steps(1)
    verdict = StepOutlier().judge(made.data(), replace(JOB, hyperparameters={"checkpoint_seconds": 1}))
    assert verdict.status == ISSUES
    assert verdict.message == "30 checkpoints inside epochs took 15 s, 59 % of the time of training."
    assert verdict.advice == "Raise checkpoint_seconds from 1 to 25."
    as_json(verdict)


def test_checkpoints_between_epochs_are_not_those_that_a_setting_avoids() -> None:
    made = MadeProfile()
    for _ in range(10):
        made.steps(10).steps(2, {"Forward": 0.1}, mode="EVAL").between_steps("Checkpoint", 5)
    assert StepOutlier().judge(made.data(), JOB).status == NO_ISSUES


def test_evaluation_steps_are_judged_on_request() -> None:
    slow = {"DataLoading": 0.01, "Forward": 9.0}
    made = MadeProfile().steps(50).steps(40, {**slow, "Forward": 0.1}, mode="EVAL").steps(1, slow, mode="EVAL")
    assert StepOutlier().judge(made.data(), JOB).status == NO_ISSUES
    verdict = StepOutlier.from_text({"mode": "EVAL"}).judge(made.data(), JOB)
    assert verdict.status == ISSUES
    assert (verdict.issues[1].mode, verdict.issues[1].mode_step) == ("EVAL", 40)


def test_every_node_has_its_details() -> None:
    data = MadeProfile().steps(60).data(MadeProfile("algo-2", pid=9).steps(59).steps(1, SLOW_BACKWARD))
    nodes = StepOutlier().judge(data, JOB).details["step_details"]
    assert {node: content["number_of_outliers"] for node, content in nodes.items()} == {"algo-1": 0, "algo-2": 1}


def test_too_few_steps_are_no_good_news_and_few_are_said_to_be_few() -> None:
    few = StepOutlier().judge(MadeProfile().steps(15).data(), JOB)
    assert few.status == NOT_EVALUATED
    assert "13 steps after warm-up" in few.message
    assert StepOutlier().judge(nothing(), JOB).status == NOT_EVALUATED
    assert "of only 38 steps" in StepOutlier().judge(MadeProfile().steps(40).data(), JOB).message


def test_many_outliers_do_not_hide_in_their_own_spread() -> None:
    made = MadeProfile()
    for _ in range(30):
        made.steps(5).steps(1, {**QUICK, "Backward": 2.0})
    verdict = StepOutlier().judge(made.data(), JOB)
    assert verdict.message.startswith("30 (every 6th) of 178 steps")


def test_checkpoints_of_one_process_count_against_the_time_of_one() -> None:
    made = MadeProfile()
    for _ in range(30):
        made.steps(1, {"Forward": 0.5}).between_steps("Checkpoint", 0.5)
    data = made.steps(1).data(MadeProfile(pid=2).steps(30, {"Forward": 0.5}))
    assert "50 % of the time" in StepOutlier().judge(data, JOB).message


def test_many_outliers_that_cost_next_to_nothing_are_no_issue() -> None:
    made = MadeProfile()
    for _ in range(11):
        made.steps(300).steps(1, {**QUICK, "Backward": 0.6})
    assert StepOutlier().judge(made.data(), JOB).status == NO_ISSUES
    assert StepOutlier.from_text({"lost_threshold": "0.1"}).judge(made.data(), JOB).status == ISSUES


def test_fewer_steps_may_have_fewer_outliers() -> None:
    slow = {**QUICK, "Backward": 0.4}
    assert StepOutlier().judge(MadeProfile().steps(44).steps(4, slow).data(), JOB).status == NO_ISSUES  # of 46
    assert StepOutlier().judge(MadeProfile().steps(22).steps(3, slow).data(), JOB).status == ISSUES  # of 23
