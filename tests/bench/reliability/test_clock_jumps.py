"""A wall clock that jumps."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.reliability import clock_jumps
from bench.reliability.clock_jumps import build_library, fake_clock, set_clock
from bench.reliability.ground import MissingToolError
from tests.bench.reliability.stubs import BY_THE_WALL_CLOCK, stub
from tests.bench.reliability.verdicts import missed, missed_counts, values

WATCH = """
import datetime, sys, time
for _ in range(2):
    print(time.time(), datetime.datetime.now().timestamp(), time.monotonic(), flush=True)
    sys.stdin.readline()
time.sleep(0.01)
"""


def test_the_real_server_serves_on_and_logs_no_negative_duration(real, monkeypatch) -> None:
    monkeypatch.setattr(clock_jumps, "KEEPALIVE_SECONDS", 1)
    records = clock_jumps.measure(real)
    assert missed_counts(records) == set()
    assert values(records)["step seen in the times of the log"] >= 24


def test_a_server_that_measures_by_the_wall_clock_misses_its_goals(bad, monkeypatch) -> None:
    monkeypatch.setattr(clock_jumps, "LATEST_CLOSE_SECONDS", 0.3)
    records = clock_jumps.measure(bad(stub(BY_THE_WALL_CLOCK)))
    assert missed(records) >= {"lines of the log with a negative duration", "until an idle connection is closed"}


def test_only_the_wall_clock_of_a_preloaded_process_jumps(tmp_path: Path) -> None:
    offset_path = tmp_path / "offset"
    set_clock(offset_path, 0)
    variables = {**os.environ, **fake_clock(build_library(tmp_path), offset_path)}
    command = [sys.executable, "-c", WATCH]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        before = [float(text) for text in process.stdout.readline().split()]
        set_clock(offset_path, -86_400)
        process.stdin.write("\n\n")
        process.stdin.flush()
        after = [float(text) for text in process.stdout.readline().split()]
    assert process.returncode == 0
    steps = [later - earlier for earlier, later in zip(before, after, strict=True)]
    assert steps[0] == pytest.approx(-86_400, abs=30)
    assert steps[1] == pytest.approx(-86_400, abs=30)
    assert 0 <= steps[2] < 30


def test_without_a_compiler_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="install it with `apt-get install gcc`"):
        build_library(tmp_path)
