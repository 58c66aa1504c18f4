import numpy as np
import pandas
import pytest

from container.debugger.report.timing import OTHER, job_time, whole_steps
from tests.container.debugger.report.sample_run import event_frame, system_frame

EVENTS = event_frame(200, slow=(57, 120))


def test_every_step_has_its_duration_and_its_phases() -> None:
    steps = whole_steps(EVENTS, "TRAIN")
    assert steps
    assert len(steps.seconds) == 200
    assert steps.phases.sum(axis=1).to_numpy() == pytest.approx(steps.seconds)
    assert steps.phases[OTHER].to_numpy() == pytest.approx(np.full(200, 0.01))


def test_outliers_are_the_steps_that_waited() -> None:
    steps = whole_steps(EVENTS, "TRAIN")
    assert steps
    assert steps.numbers[steps.is_outlier].tolist() == [57, 120]


def test_steps_of_several_processes_do_not_share_their_phases() -> None:
    both = pandas.concat([EVENTS, EVENTS.assign(pid=78)], ignore_index=True)
    steps, one = whole_steps(both, "TRAIN"), whole_steps(EVENTS, "TRAIN")
    assert steps
    assert one
    assert len(steps.seconds) == 400
    assert steps.phases["Forward"].sum() == pytest.approx(2 * one.phases["Forward"].sum())


def test_smdebugs_own_timeline_has_steps_without_phases() -> None:
    steps = whole_steps(EVENTS[EVENTS["phase"] == "Step:ModeKeys.EVAL"], "EVAL")
    assert steps
    assert len(steps.seconds) == 20
    assert list(steps.phases.columns) == []


def test_the_jobs_time_is_divided_without_a_rest() -> None:
    time = job_time(EVENTS, system_frame(120))
    assert time
    assert sum(time.parts.values()) == pytest.approx(time.total)
    assert time.parts["Initialization"] == pytest.approx(8)
    assert time.parts["Checkpoint"] == pytest.approx(1.6)
    assert time.parts["Finalization"] > 20


def test_without_a_timeline_nothing_is_said() -> None:
    assert job_time(EVENTS.iloc[:0], system_frame(10)) is None
    assert whole_steps(EVENTS.iloc[:0], "TRAIN") is None
