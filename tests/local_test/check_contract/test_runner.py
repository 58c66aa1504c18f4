"""Rows are run in order, their troubles become outcomes, and Ctrl-C ends everything at once."""

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from local_test.check_contract.engine import Engine
from local_test.check_contract.errors import NotApplicableError, NotStartedError, StoppedError
from local_test.check_contract.lab import Lab
from local_test.check_contract.row import Mode, Outcome, Row, Status, failed, passed
from local_test.check_contract.runner import Result, run_row, run_rows
from tests.local_test.check_contract.fake_lab import FakeLab


def row(check: Callable[[Lab], Outcome], row_id: str = "row", mode: Mode = Mode.IMAGE, *, required: bool = True) -> Row:
    return Row(row_id, mode, required, "It must.", "a page", check)


def raising(error: Exception) -> Callable[[Lab], Outcome]:
    def check(_: Lab) -> Outcome:
        raise error

    return check


def ignore(_: Result) -> None:
    pass


@pytest.fixture
def lab(tmp_path: Path) -> FakeLab:
    return FakeLab(tmp_path)


def test_results_keep_the_rows_order_and_are_told_as_they_come(lab: FakeLab) -> None:
    told: list[str] = []
    rows = [row(lambda _: passed("seen"), f"row-{number}", mode) for number, mode in enumerate(Mode)]
    results = run_rows(rows, lab, jobs=3, tell=lambda result: told.append(result.row.id))
    assert [result.row for result in results] == rows
    assert sorted(told) == sorted(row.id for row in rows)


@pytest.mark.parametrize(
    ("error", "status", "seen"),
    [
        (NotStartedError("it ended"), Status.FAILED, "it ended"),
        (NotApplicableError("no label"), Status.NOT_APPLICABLE, "no label"),
        (subprocess.TimeoutExpired(["docker", "wait"], 120), Status.FAILED, "`docker wait` did not end within 120 s"),
    ],
)
def test_trouble_with_containers_is_an_outcome(lab: FakeLab, error: Exception, status: Status, seen: str) -> None:
    assert run_row(row(raising(error)), lab).outcome == Outcome(status, seen)


def test_a_recommended_row_never_fails(lab: FakeLab) -> None:
    assert run_row(row(lambda _: failed("no"), required=False), lab).outcome.status is Status.WARNED
    result = run_row(row(raising(NotStartedError("no")), required=False), lab)
    assert result.outcome.status is Status.WARNED
    assert not result.breaks_the_contract


def test_a_defect_of_a_check_ends_the_run_with_its_own_error(lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = count_closes(monkeypatch)
    with pytest.raises(ZeroDivisionError):
        run_rows([row(raising(ZeroDivisionError()))], lab, jobs=1, tell=ignore)
    assert closed


def test_ctrl_c_closes_the_engine_and_ends_the_row_that_waits(lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = count_closes(monkeypatch)
    ended = threading.Event()

    def wait_for_close(lab: Lab) -> Outcome:
        while not lab.engine.closed:
            pass
        ended.set()
        raise ConnectionResetError

    monkeypatch.setattr("local_test.check_contract.runner.wait", raise_interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_rows([row(wait_for_close), row(lambda _: passed("never"), "later")], lab, jobs=1, tell=ignore)
    assert ended.is_set()
    assert closed


def test_nothing_is_started_once_the_engine_is_closed(lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    count_closes(monkeypatch)
    lab.engine.close()
    with pytest.raises(StoppedError):
        lab.engine.start("image", "serve")


def test_what_several_rows_share_is_made_once_and_fails_for_all(lab: FakeLab) -> None:
    calls: list[int] = []

    def make() -> int:
        calls.append(1)
        raise NotStartedError("it ended")

    for _ in range(2):
        with pytest.raises(NotStartedError, match="it ended"):
            lab.once("server", make)
    assert calls == [1]
    assert lab.once("number", lambda: 1) == lab.once("number", lambda: 2) == 1


def count_closes(monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """Engines that were closed; no Docker is asked."""
    closed: list[Engine] = []

    def close(engine: Engine) -> None:
        engine._closed.set()
        closed.append(engine)

    monkeypatch.setattr(Engine, "close", close)
    return closed


def raise_interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
