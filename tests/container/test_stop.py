import errno
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from container import contract, stop
from container.stop import FOLDER_VARIABLE, Stopped, listeners, listening, pass_on


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that launcher and training processes share."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(stop, "_asked_at", [])
    return tmp_path


def test_nothing_is_asked_for_at_first(folder: Path) -> None:
    with listening() as request:
        assert not request.is_set
        request.check()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_request_and_does_not_end_the_process(folder: Path, number: int) -> None:
    with listening() as request:
        os.kill(os.getpid(), number)
        assert request.is_set
        with pytest.raises(Stopped):
            request.check()


def test_a_second_interrupt_ends_the_process(folder: Path) -> None:
    with listening():
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


def test_the_handlers_from_before_come_back(folder: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with listening():
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_the_launcher_reaches_every_process_that_listens(folder: Path) -> None:
    with listening() as request:
        assert [path.name for path in folder.iterdir()] == [str(os.getpid())]
        pass_on(folder)
        assert request.is_set
    assert [path.name for path in folder.iterdir()] == ["stop"]


def test_a_process_that_starts_after_the_signal_sees_it(folder: Path) -> None:
    pass_on(folder)
    with listening() as request:
        assert request.is_set


def test_a_process_that_has_died_without_a_word_does_not_stop_the_others(folder: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (folder / str(gone.pid)).touch()
    with listening() as request:
        pass_on(folder)
        assert request.is_set


def test_a_signal_after_the_end_and_one_on_a_full_disk_do_no_harm(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pass_on(folder / "gone")  # the launcher has removed it

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with listening() as request:
        monkeypatch.setattr(Path, "touch", full)
        pass_on(folder)
        assert request.is_set


def test_a_full_disk_does_not_keep_a_process_from_starting(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "/proc/none")
    with listening() as request:
        assert not request.is_set
    assert "This process will not be told to stop: /proc/none/" in capsys.readouterr().out


def test_the_time_that_is_left_counts_from_the_first_signal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([100.0, 103.0, 110.0])
    monkeypatch.setattr(stop, "time", SimpleNamespace(monotonic=lambda: next(now)))
    assert stop.seconds_left() == math.inf
    for _ in range(2):
        pass_on(folder)
    assert [stop.seconds_left(), stop.seconds_left()] == [
        contract.STOP_GRACE_SECONDS - 3,
        contract.STOP_GRACE_SECONDS - 10,
    ]


def test_those_that_did_not_say_that_they_end_are_still_listed(folder: Path) -> None:
    (folder / "123").touch()
    pass_on(folder / "other")
    with listening():
        assert sorted(listeners(folder)) == sorted([123, os.getpid()])
    assert listeners(folder) == [123]
    assert listeners(folder / "gone") == []


def test_without_a_launcher_signals_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    with listening() as request:
        os.kill(os.getpid(), signal.SIGTERM)
        assert request.is_set


@pytest.mark.parametrize(
    ("seconds", "left_after_sigterm", "expected"),
    [
        (2.5, math.inf, [1.0, 1.0, 0.5]),
        (300.0, stop.LAST_SECONDS + 1.5, [1.0, 0.5]),  # SIGTERM comes, or has come: fewer
        (300.0, -5.0, [1.0]),  # training has taken all of it: once all the same
    ],
)
def test_what_follows_training_is_waited_for_in_steps_that_sigterm_cuts_short(
    monkeypatch: pytest.MonkeyPatch, seconds: float, left_after_sigterm: float, expected: list[float]
) -> None:
    now = 100.0
    monkeypatch.setattr(stop, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(stop, "seconds_left", lambda: left_after_sigterm - (now - 100))
    waited = []
    for wait in stop.waits(seconds):
        waited.append(wait)
        now += wait
    assert waited == expected
