import time
from typing import Any

import pytest

from container.debugger.debugger import EVAL, TRAIN, Debugger


class Recorder:
    """Stands for any part: notes what it is called with, and fails in one method if told to."""

    def __init__(self, failing: str = "") -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.failing = failing

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> None:
            self.calls.append((name, *arguments))
            if name == self.failing:
                raise OSError("disk full")

        return call


def test_one_that_is_off_only_counts() -> None:
    debugger = Debugger()
    with debugger.step(TRAIN), debugger.phase("Forward"):
        pass
    debugger.close()


def test_steps_are_counted_per_mode_and_over_all() -> None:
    debugger, tensors = Debugger(), Recorder()
    debugger.attach("tensors", tensors)
    for mode in (TRAIN, TRAIN, EVAL, TRAIN):
        with debugger.step(mode):
            pass
    begun = [call[1:] for call in tensors.calls if call[0] == "begin_step"]
    assert begun == [(TRAIN, 0, 0), (TRAIN, 1, 1), (EVAL, 0, 2), (TRAIN, 2, 3)]
    assert [call[0] for call in tensors.calls] == ["begin_step", "end_step"] * 4


def test_a_resumed_job_goes_on_where_its_checkpoint_left_off() -> None:
    debugger, tensors = Debugger(), Recorder()
    debugger.attach("tensors", tensors)
    debugger.resume_at(100, 20)
    with debugger.step(EVAL):
        pass
    assert tensors.calls[0] == ("begin_step", EVAL, 20, 120)


def test_phases_carry_their_step_and_their_true_time() -> None:
    debugger, timeline = Debugger(), Recorder()
    debugger.attach("timeline", timeline)
    debugger.resume_at(7, 0)
    before = time.time()
    with debugger.step(TRAIN), debugger.phase("DataLoading"):
        time.sleep(0.02)
    (_, name, _, started, seconds, step, mode), whole = timeline.calls
    assert (name, step, mode) == ("DataLoading", 7, TRAIN)
    assert before - 0.1 < started < time.time()
    assert 0.02 <= seconds <= whole[4] < 1
    assert whole[1] == "Step:ModeKeys.TRAIN"


def test_the_time_until_the_first_step_is_recorded_once() -> None:
    debugger, timeline = Debugger(started=time.time() - 5), Recorder()
    debugger.attach("timeline", timeline)
    for _ in range(2):
        with debugger.step(TRAIN):
            pass
    (event,) = [call for call in timeline.calls if call[1] == "Initialization"]
    assert 5 <= event[4] < 6


@pytest.mark.parametrize("method", ["begin_step", "end_step", "close"])
def test_a_part_that_fails_is_named_once_and_closed_and_the_others_go_on(
    method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    debugger, tensors, timeline = Debugger(), Recorder(failing=method), Recorder()
    debugger.attach("tensors", tensors)
    debugger.attach("timeline", timeline)
    for _ in range(3):
        with debugger.step(TRAIN):
            pass
    debugger.close()
    warning = "Debugger: tensors are no longer recorded (OSError: disk full); training goes on.\n"
    assert capsys.readouterr().out == warning
    assert tensors.calls[-1] == ("close",)
    assert len([call for call in timeline.calls if call[0] == "record"]) == 3


def test_an_error_of_training_is_passed_on_and_the_step_is_ended() -> None:
    debugger, tensors = Debugger(), Recorder()
    debugger.attach("tensors", tensors)
    with pytest.raises(ValueError, match="the loss"), debugger.step(TRAIN):
        raise ValueError("the loss")
    assert tensors.calls[-1] == ("end_step",)


def test_closing_twice_closes_the_parts_once() -> None:
    debugger, timeline = Debugger(), Recorder()
    debugger.attach("timeline", timeline)
    debugger.close()
    debugger.close()
    assert timeline.calls == [("close",)]
