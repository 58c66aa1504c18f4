"""Ctrl-C to commands that work in several processes, sent as a terminal does, to all, or to the first one alone."""

import signal
import sys
from pathlib import Path

import pytest

from tests.terminal import Terminal


def start(*arguments: str) -> Terminal:
    return Terminal([sys.executable, "-m", *arguments])


@pytest.mark.parametrize("way", ["a terminal's", "to the first process alone"])
def test_drawing_ends_with_one_sentence_and_goes_on_from_there(tmp_path: Path, way: str) -> None:
    terminal = start("local_test.sample_data", str(tmp_path / "sample"))
    try:
        terminal.wait_for(r"Drawing sample pictures: +\d+%.*[1-9]\d*/1150")
        if way == "a terminal's":
            terminal.press_ctrl_c()
        else:
            terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert terminal.running() == []
    finally:
        terminal.kill()
    assert terminal.shown.rstrip().endswith("Stopped; the same command draws the rest.")
    assert "Traceback" not in terminal.shown
    drawn = len(list(tmp_path.rglob("*.jpg")))
    assert 0 < drawn < 1000


STUBBORN = """
import sys
from local_test.started import Started, follow
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
sys.exit(follow(lambda: Started([sys.executable, "-c", deaf]), grace_seconds=60))
"""


def test_a_second_ctrl_c_kills_what_does_not_obey() -> None:
    terminal = Terminal([sys.executable, "-c", STUBBORN])
    try:
        terminal.wait_for("deaf")
        terminal.press_ctrl_c()
        terminal.wait_for("press Ctrl-C again to end at once")
        assert len(terminal.running()) == 2
        terminal.press_ctrl_c()
        assert terminal.end(20) == 130
        assert terminal.running() == []
    finally:
        terminal.kill()


IMPATIENT = """
import io, os, signal, sys
class Stderr(io.TextIOBase):
    def write(self, text):  # the second Ctrl-C, as soon as it is asked for
        sys.__stderr__.write(text)
        if "press Ctrl-C again" in text:
            os.kill(os.getpid(), signal.SIGINT)
sys.stderr = Stderr()
"""


def test_a_second_ctrl_c_counts_from_the_moment_that_it_is_asked_for() -> None:
    terminal = Terminal([sys.executable, "-c", IMPATIENT + STUBBORN])
    try:
        terminal.wait_for("deaf")
        terminal.press_ctrl_c()
        assert terminal.end(30) == 130
        assert terminal.running() == []
    finally:
        terminal.kill()


OBEDIENT = """
import sys
from local_test.interrupts import exit_status
from local_test.started import Started, follow
job = "import time; print('at work', flush=True); time.sleep(60)"
sys.exit(exit_status(lambda: follow(lambda: Started([sys.executable, "-c", job]), grace_seconds=60)))
"""


def test_a_terminal_that_is_closed_ends_all_that_ran_in_it() -> None:
    terminal = Terminal([sys.executable, "-c", OBEDIENT])
    try:
        terminal.wait_for("at work")
        terminal.close()
        terminal.process.send_signal(signal.SIGHUP)  # the shell tells its jobs, too
        assert terminal.end(20) == 130
        assert terminal.running() == []
    finally:
        terminal.kill()
