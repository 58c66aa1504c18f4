import pytest

from container.debugger.profiler_rules.steps import EVAL, Timeline, read_steps
from tests.container.debugger.profiler_rules.made_profile import QUICK, START, MadeProfile, nothing


def test_phases_are_those_of_their_own_step_and_process() -> None:
    first = MadeProfile().steps(3).steps(1, {**QUICK, "Forward": 1.0})
    second = MadeProfile(pid=2, start=START + 0.05).steps(4, {**QUICK, "Backward": 2.0})  # at the same time
    steps = read_steps(Timeline(first.data(second).events))
    assert steps.number.tolist() == [0, 1, 2, 3] * 2
    assert steps.phases["Forward"] == pytest.approx([0.1, 0.1, 0.1, 1.0] + [0.1] * 4)
    assert steps.phases["Backward"] == pytest.approx([0.2] * 4 + [2.0] * 4)
    assert steps.is_warm.tolist() == [False, False, True, True] * 2


def test_a_job_that_resumed_repeats_its_numbers_and_not_its_times() -> None:
    made = MadeProfile().steps(3)
    again = MadeProfile(pid=1, start=START + 100).steps(3, {**QUICK, "Forward": 5.0})
    assert read_steps(Timeline(made.data(again).events)).phases["Forward"] == pytest.approx([0.1] * 3 + [5.0] * 3)


def test_slices_of_a_batch_add_up() -> None:
    made = MadeProfile().steps(2)
    begin = made.events[0][2]
    made.events.append(("Forward", "", begin + 0.2, 0.05, 0, "TRAIN", 1, "algo-1"))
    assert read_steps(Timeline(made.data().events)).phases["Forward"] == pytest.approx([0.15, 0.1])


def test_an_epoch_begins_at_the_first_step_and_after_an_evaluation() -> None:
    made = MadeProfile().steps(2).steps(3, mode="EVAL").steps(2).between_steps("Checkpoint", 1).steps(1)
    timeline = Timeline(made.data().events)
    assert read_steps(timeline).begins_epoch.tolist() == [True, False, True, False, False]
    assert len(read_steps(timeline, EVAL)) == 3


def test_time_of_no_phase_is_known() -> None:
    steps = read_steps(Timeline(MadeProfile().steps(2, rest=0.4).data().events))
    assert steps.other == pytest.approx([0.4, 0.4])


def test_an_empty_timeline_has_no_steps() -> None:
    assert len(read_steps(Timeline(nothing().events))) == 0


def test_a_phase_that_rounding_puts_before_its_step_still_belongs_to_it() -> None:
    made = MadeProfile().steps(3)
    made.events = [
        (phase, name, start - 1e-6 if phase == "DataLoading" else start, *rest)
        for phase, name, start, *rest in made.events
    ]
    assert read_steps(Timeline(made.data().events)).phases["DataLoading"] == pytest.approx([0.01] * 3)
