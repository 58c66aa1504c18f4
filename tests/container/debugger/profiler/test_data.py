import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from smdebug.core.tfevent.timeline_file_writer import TimelineFileWriter
from smdebug.profiler.profiler_config_parser import ProfilerConfigParser

from container.debugger.profiler import data as data_module
from container.debugger.profiler.data import read_profiler_data

START = 1_700_000_100.0
PLATFORM_LINE = (
    '{"Type": "cpu", "Name": "cpu0", "Dimension": "CPUUtilization", "Value": %s, "NodeId": "algo-1", "Timestamp": %s}\n'
)


def write_system(folder: Path, text: str, name: str = "1700000100.algo-1.json") -> None:
    path = folder / "system" / "incremental" / "2023111422" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_timeline(path: Path, events: list[dict[str, object]], end: str = "\n]") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(map(json.dumps, events)) + end)


def meta(pid: int, **args: object) -> dict[str, object]:
    return {"name": "process_name", "ph": "M", "pid": pid, "args": args}


def span(phase: int, ts: int, **args: object) -> dict[str, object]:
    return {"name": "op", "pid": phase, "ph": "X", "ts": ts, "dur": 500, "args": args}


@pytest.fixture
def smdebugs_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which smdebug's own writer wrote a training step and, to a file still open, a forward pass."""
    folder = tmp_path / "profile"
    config = tmp_path / "profilerconfig.json"
    config.write_text(json.dumps({"ProfilingParameters": {"LocalPath": str(folder)}}))
    monkeypatch.setenv("SMPROFILER_CONFIG_PATH", str(config))
    parser = ProfilerConfigParser()
    parser.load_config()
    closed, still_open = TimelineFileWriter(parser), TimelineFileWriter(parser)
    phase = "Step:ModeKeys.TRAIN"
    closed.write_trace_events(START, phase, phase, duration=0.5, step_num="7", pid=41)
    closed.close()
    still_open.write_trace_events(START + 1, "Forward", "Forward", duration=0.25, step_num="8", pid=41)
    still_open.flush()
    yield folder
    still_open.close()


def test_nothing_gives_tables_with_the_right_columns(tmp_path: Path) -> None:
    data = read_profiler_data(tmp_path / "none")
    assert list(data.system.columns) == ["time", "node", "type", "name", "dimension", "value"]
    assert list(data.events.columns) == ["phase", "op_name", "start", "duration", "step", "mode", "pid", "node"]
    assert data.system["value"].dtype == float
    assert data.events["step"].dtype == int
    assert (len(data.system), len(data.events), data.operators) == (0, 0, [])


def test_what_smdebug_writes_is_read_also_while_it_is_open(smdebugs_profile: Path) -> None:
    events = read_profiler_data(smdebugs_profile).events
    assert list(events["phase"]) == ["Step:ModeKeys.TRAIN", "Forward"]
    assert list(events["step"]) == [7, 8]
    assert list(events["mode"]) == ["TRAIN", ""]
    assert list(events["pid"]) == [41, 41]
    assert list(events["start"]) == pytest.approx([START, START + 1], abs=1e-5)
    assert list(events["duration"]) == pytest.approx([0.5, 0.25])


def test_system_metrics_come_back_in_the_order_of_time(tmp_path: Path) -> None:
    write_system(tmp_path, PLATFORM_LINE % (4, START + 2) + PLATFORM_LINE % (3, START + 1))
    nameless = {"Type": "memory", "Dimension": None, "Value": "7.5", "NodeId": "algo-2", "Timestamp": START}
    write_system(tmp_path, json.dumps(nameless), "1700000100.algo-2.json")
    system = read_profiler_data(tmp_path).system
    assert list(system["value"]) == [7.5, 3.0, 4.0]
    assert list(system["time"]) == [START, START + 1, START + 2]
    assert system.iloc[0].tolist() == [START, "algo-2", "memory", "", "", 7.5]
    assert system.iloc[1].tolist() == [START + 1, "algo-1", "cpu", "cpu0", "CPUUtilization", 3.0]


@pytest.mark.parametrize("broken", ['{"Type": "cpu", "Na', '{"Type": "cpu"}', "[3]", '{"a": 1', "\x00\x00", ""])
def test_a_broken_line_costs_only_itself(tmp_path: Path, broken: str) -> None:
    write_system(tmp_path, PLATFORM_LINE % (3, START) + broken + "\n" + PLATFORM_LINE % (4, START + 1) + broken)
    assert list(read_profiler_data(tmp_path).system["value"]) == [3.0, 4.0]


def test_a_timeline_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    origin = int(START * 1e6)
    events = [meta(0, start_time_since_epoch_in_micros=origin), meta(1, name="Backward")]
    spans = [span(1, 0, pid=5, step_num="3", mode="EVAL"), span(1, 1_000_000)]
    path = tmp_path / "framework" / "77-algo-3_pythontimeline.json.tmp"
    write_timeline(path, events + spans, end=',\n{"name": "op", "pid": 1, "p')
    read = read_profiler_data(tmp_path).events
    assert read.values.tolist() == [
        ["Backward", "op", START, 0.0005, 3, "EVAL", 5, "algo-3"],
        ["Backward", "op", START + 1, 0.0005, -1, "", 77, "algo-3"],
    ]


def test_of_a_very_long_profile_every_kth_sample_is_kept_with_all_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [PLATFORM_LINE % (core, START + number) for number in range(10) for core in (1, 2)]
    write_system(tmp_path, "".join(lines))
    monkeypatch.setattr(data_module, "MAX_SYSTEM_BYTES", sum(map(len, lines)) // 3)
    system = read_profiler_data(tmp_path).system
    assert list(system["time"] - START) == [0, 0, 4, 4, 8, 8]
    assert list(system["value"]) == [1, 2] * 3


def test_other_files_in_the_folder_are_no_timeline(tmp_path: Path) -> None:
    events = [meta(0, start_time_since_epoch_in_micros=0, name="Forward"), span(0, 0)]
    write_timeline(tmp_path / "framework" / "pevents" / "2023111422" / "1_horovod_timeline.json", events)
    write_timeline(tmp_path / "framework" / "other.json.tmp", events)
    write_timeline(tmp_path / "framework" / "pevents" / "2023111422" / "9_1-ip-10-0-0-1_pythontimeline.json", events)
    assert list(read_profiler_data(tmp_path).events["node"]) == ["ip-10-0-0-1"]


def test_operator_profiles_come_in_the_order_of_their_steps(tmp_path: Path) -> None:
    for first, text in ((20, '{"steps": [20, 22]}'), (3, '{"steps": [3, 4]}'), (5, '{"st'), (6, "{}"), (7, "[]")):
        folder = tmp_path / "framework" / "torch_profiler" / f"TRAIN-{first}"
        folder.mkdir(parents=True)
        (folder / "operators.json").write_text(text)
    assert [each["steps"] for each in read_profiler_data(tmp_path).operators] == [[3, 4], [20, 22]]
