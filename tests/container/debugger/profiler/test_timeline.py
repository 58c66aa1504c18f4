import json
import subprocess
import sys
import threading
import time
import timeit
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from smdebug.profiler.algorithm_metrics_reader import LocalAlgorithmMetricsReader
from smdebug.profiler.analysis.utils.pandas_data_analysis import PandasFrameAnalysis
from smdebug.profiler.analysis.utils.profiler_data_to_pandas import PandasFrame

from container.debugger.profiler import timeline as timeline_file
from container.debugger.profiler.counters import Metric
from container.debugger.profiler.data import read_profiler_data
from container.debugger.profiler.sampler import MetricsFile
from container.debugger.profiler.timeline import EVENT_BYTES, Event, Timeline, TimelineFiles

PROJECT_DIR = Path(__file__).parents[4]
START = 1_700_000_100.0  # 2023-11-14 22:15:00 UTC
HOURS = 3600.0


def open_timeline(folder: Path, rotate_bytes: int = 10**7, rotate_seconds: float = HOURS) -> Timeline:
    return Timeline(folder, "algo-1", rotate_bytes, rotate_seconds)


def record_steps(timeline: Timeline, num_steps: int, seconds: float = 0.1) -> None:
    """As the training loop does: the phases of a step when they end, then the step."""
    for step in range(num_steps):
        start = START + step * seconds
        for share, phase in enumerate(("DataLoading", "Forward", "Backward", "Optimizer")):
            timeline.record(phase, phase, start + share * seconds / 4, seconds / 4, step, "TRAIN")
        timeline.record("Step:ModeKeys.TRAIN", "Step:ModeKeys.TRAIN", start, seconds, step, "TRAIN")


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("framework/pevents/*/*.json"))


def spans(path: Path) -> list[dict[str, Any]]:
    return [event for event in json.loads(path.read_text()) if event["ph"] == "X"]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A folder with 20 training steps, an initialization, a checkpoint, and samples of the system around them."""
    timeline = open_timeline(tmp_path)
    timeline.record("Initialization", "", START - 5, 5.0, -1, "")
    record_steps(timeline, 20)
    timeline.record("Checkpoint", "save", START + 2, 0.25, 19, "TRAIN")
    timeline.close()
    system = MetricsFile("algo-1")
    for second in range(-6, 6):
        system.write(tmp_path, START + second, [Metric("cpu", "cpu0", "CPUUtilization", 50.0 + second)])
    system.close()
    return tmp_path


def test_smdebugs_reader_reads_every_event(profile: Path) -> None:
    reader = LocalAlgorithmMetricsReader(str(profile))
    events = reader.get_events(int((START - 10) * 1e6), int((START + 10) * 1e6))
    assert len(events) == 102
    step = next(each for each in events if each.event_phase == "Step:ModeKeys.TRAIN" and each.start_time > START * 1e6)
    assert step.event_args["mode"] == "TRAIN"
    assert step.duration == 100_000
    assert {each.event_phase for each in events} >= {"Backward", "Checkpoint", "Initialization"}


def test_smdebugs_reader_finds_events_by_step(profile: Path) -> None:
    events = LocalAlgorithmMetricsReader(str(profile)).get_events_by_step(3, 4)
    steps = {int(each.event_args["step_num"]) for each in events if each.event_phase == "Forward"}
    assert 3 in steps
    assert steps <= {2, 3, 4}


def test_smdebugs_tables_and_their_analysis_work(profile: Path) -> None:
    frame = PandasFrame(str(profile))
    framework = frame.get_all_framework_metrics()
    assert len(framework) == 102
    durations = framework[framework["process"] == "Backward"]
    assert list(durations["end_time_us"] - durations["start_time_us"]) == pytest.approx([25_000] * 20, abs=2)
    analysis = PandasFrameAnalysis(frame.get_all_system_metrics(), framework)
    statistics = analysis.get_step_statistics()
    assert isinstance(statistics, pd.DataFrame)
    assert not statistics.empty


def test_what_goes_in_comes_out(profile: Path) -> None:
    events = read_profiler_data(profile).events
    first = events.iloc[0]
    assert (first["phase"], first["op_name"], first["mode"]) == ("Initialization", "Initialization", "")
    last = events.iloc[-1]
    assert (last["phase"], last["op_name"], last["step"]) == ("Checkpoint", "save", 19)
    assert last["start"] == pytest.approx(START + 2, abs=1e-5)
    assert last["duration"] == 0.25


def test_a_file_is_named_by_its_last_end_and_lies_under_its_hour(profile: Path) -> None:
    (path,) = files(profile)
    end, who, suffix = path.name.split("_")
    assert int(end) == pytest.approx((START + 2.25) * 1e6, abs=2)
    assert who.endswith("-algo-1")
    assert suffix == "pythontimeline.json"
    assert path.parent.name == "2023111422"


def test_a_file_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    timeline = open_timeline(tmp_path, rotate_bytes=10 * EVENT_BYTES)
    record_steps(timeline, 9)
    timeline.close()
    written = files(tmp_path)
    assert len(written) >= 5
    assert all(len(spans(path)) <= 10 for path in written)
    assert sum(len(spans(path)) for path in written) == 45
    assert len(LocalAlgorithmMetricsReader(str(tmp_path)).get_events(0, int((START + 10) * 1e6))) == 45


def test_files_that_end_at_the_same_moment_do_not_replace_each_other(tmp_path: Path) -> None:
    writer = TimelineFiles(tmp_path, "algo-1")
    for _ in range(3):
        writer.write([Event("Forward", "Forward", START, 1.0, 0, "TRAIN")])
    assert len(files(tmp_path)) == 3


def test_a_killed_process_leaves_what_was_rotated(tmp_path: Path) -> None:
    script = f"""
import os, pathlib, signal, time
from container.debugger.profiler.timeline import Timeline
folder = pathlib.Path({str(tmp_path)!r})
timeline = Timeline(folder, "algo-1", 10**7, 0.05)
for step in range(7):
    timeline.record("Forward", "Forward", time.time(), 0.01, step, "TRAIN")
until = time.time() + 20
while len(list(folder.rglob("*timeline.json"))) < 1 and time.time() < until:
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=PROJECT_DIR, check=False).returncode == -9
    assert set(read_profiler_data(tmp_path).events["step"]) <= set(range(7))
    assert len(spans(files(tmp_path)[0])) > 0


def test_in_a_long_job_steps_become_rarer_but_checkpoints_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_file, "FULL_BYTES", 100_000)
    monkeypatch.setattr(timeline_file, "THINNING_BYTES", 50_000)
    writer = TimelineFiles(tmp_path, "algo-1")
    sizes = []
    for first in range(0, 20_000, 400):
        steps = range(first, first + 400)
        events = [Event("Forward", "Forward", START + step, 0.5, step, "TRAIN") for step in steps]
        writer.write([*events, Event("Checkpoint", "save", START + first, 0.5, first + 1, "TRAIN")])
        sizes.append(sum(path.stat().st_size for path in files(tmp_path)))
    assert writer.keep_every in (16, 32, 64, 128)
    assert sizes[0] > 40_000  # 2 MB in all, had it gone on like this
    assert sizes[-1] < 450_000
    assert sizes[-1] - sizes[-26] < 60_000  # the second half adds no more than one halving's worth
    events = read_profiler_data(tmp_path).events
    assert len(events[events["phase"] == "Checkpoint"]) == 50
    steps = events[events["phase"] == "Forward"]["step"]
    assert set(steps[steps < 400]) == set(range(400))
    assert list(steps[steps >= 19_600]) == [step for step in range(19_600, 20_000) if step % writer.keep_every == 0]
    last = json.loads(max(files(tmp_path)).read_text())
    assert [each["args"] for each in last if each["name"] == "thinning"] == [{"keep_every_nth_step": writer.keep_every}]


def test_events_from_several_threads_are_all_kept(tmp_path: Path) -> None:
    timeline = open_timeline(tmp_path, rotate_bytes=50 * EVENT_BYTES)
    threads = [threading.Thread(target=record_steps, args=(timeline, 100)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    timeline.close()
    assert len(read_profiler_data(tmp_path).events) == 4 * 500


def test_noting_an_event_takes_microseconds(tmp_path: Path) -> None:
    timeline = open_timeline(tmp_path)
    now = time.time()
    seconds = min(
        timeit.repeat(lambda: timeline.record("Forward", "Forward", now, 0.1, 3, "TRAIN"), number=1000, repeat=10)
    )
    timeline.close()
    assert seconds / 1000 < 5e-6


def test_a_folder_that_cannot_be_written_ends_the_timeline_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "framework").write_text("no folder")
    timeline = open_timeline(tmp_path, rotate_bytes=EVENT_BYTES)
    record_steps(timeline, 10)
    timeline.close()
    timeline.record("Forward", "Forward", START, 1.0, 0, "TRAIN")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Profiler: the timeline ends here: ")


def test_a_writer_that_cannot_keep_up_leaves_gaps_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timeline_file, "MAX_WAITING", 12)
    timeline = open_timeline(tmp_path)
    record_steps(timeline, 10)
    timeline.close()
    assert len(read_profiler_data(tmp_path).events) == 12
    assert capsys.readouterr().out.count("gaps") == 1


def test_nothing_recorded_leaves_nothing(tmp_path: Path) -> None:
    timeline = open_timeline(tmp_path)
    timeline.close()
    timeline.close()
    assert list(tmp_path.iterdir()) == []
