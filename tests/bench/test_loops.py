"""Loops that train when told to, as processes of a few lines."""

import sys
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.loops import Contender, running, take_turns

LOOP = """
import sys
print("ready", flush=True)
for number, line in enumerate(sys.stdin):
    print(f"Images per second: {10 + number}\\nAccuracy: {number / 4}\\ndone", flush=True)
"""


def contender(name: str, program: str = LOOP) -> Contender:
    return Contender(name, [sys.executable, "-c", program])


def test_contenders_train_in_turn_and_the_first_epoch_of_each_is_not_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    epochs = take_turns("something", [contender("one"), contender("other")], 2, tmp_path)
    assert [[epoch.images_per_second for epoch in each] for each in epochs.values()] == [[11, 12], [11, 12]]
    assert epochs["other"][-1].accuracy == 0.5
    told = capsys.readouterr().out.splitlines()
    assert [line.rpartition(": ")[2] for line in told] == ["one", "other"] * 3


def test_a_loop_that_ends_too_soon_is_named_with_its_log(tmp_path: Path) -> None:
    program = "print('ready', flush=True); raise SystemExit(3)"
    ended = pytest.raises(BenchError, match=r"some loop ended with status 3; see .*some-loop\.log")
    with running(contender("some loop", program), tmp_path) as loop, ended:
        loop.train_one_epoch()


def test_a_loop_that_tells_no_speed_is_named(tmp_path: Path) -> None:
    program = "print('ready', flush=True); input(); print('done', flush=True); input()"
    mute = pytest.raises(BenchError, match="mute printed no 'Images per second'")
    with running(contender("mute", program), tmp_path) as loop, mute:
        loop.train_one_epoch()


def test_a_loops_memory_is_that_of_its_children_too(tmp_path: Path) -> None:
    child = "import time; held = bytearray(64 * 2**20); print(1, flush=True); time.sleep(100)"
    program = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print("ready", flush=True)
sys.stdin.read()
child.kill()
child.wait()
"""
    with running(contender("parent", program), tmp_path) as loop:
        assert 64 < loop.memory_mib < 128
