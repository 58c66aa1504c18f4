import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from smdebug.profiler.analysis.utils.profiler_data_to_pandas import PandasFrame
from smdebug.profiler.system_metrics_reader import LocalSystemMetricsReader

from container.debugger.profiler.config import ProfilerConfig
from container.debugger.profiler.counters import Metric
from container.debugger.profiler.data import read_profiler_data
from container.debugger.profiler.sampler import MetricsFile, main, next_due

COMMAND = [sys.executable, "-m", "container.debugger.profiler.sampler", "--node", "algo-2", "--base-dir"]
PROJECT_DIR = Path(__file__).parents[4]
MINUTE = 1_700_000_040  # 2023-11-14 22:14:00 UTC


def wait_until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def configure(base_dir: Path, **content: object) -> None:
    path = base_dir / "input" / "config" / "profilerconfig.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content))
    partial.replace(path)


def num_samples(base_dir: Path) -> int:
    return int(read_profiler_data(base_dir / "output" / "profiler").system["time"].nunique())


@contextmanager
def sampling(base_dir: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*COMMAND, str(base_dir)], cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The profiler folder of a sampler that took a few samples and was ended by SIGTERM."""
    base_dir = tmp_path_factory.mktemp("sampled")
    configure(base_dir, ProfilingIntervalInMilliseconds=100)
    with sampling(base_dir) as process:
        wait_until(lambda: num_samples(base_dir) >= 3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    return base_dir / "output" / "profiler"


def test_smdebugs_reader_reads_every_line(sampled: Path) -> None:
    lines = [line for path in sampled.rglob("*.json") for line in path.read_text().splitlines()]
    now = int(time.time() * 1e6)
    events = LocalSystemMetricsReader(str(sampled)).get_events(now - 600_000_000, now)
    assert len(events) == len(lines)
    assert {event.node_id for event in events} == {"algo-2"}
    assert {"cpu", "memory"} <= {event.type for event in events}


def test_smdebugs_table_holds_the_samples(sampled: Path) -> None:
    table = PandasFrame(str(sampled)).get_all_system_metrics()
    ours = read_profiler_data(sampled).system
    assert len(table) == len(ours)
    memory = table[table["system_metric"] == "MemoryUsedPercent"]["value"]
    assert list(memory) == list(ours[ours["name"] == "MemoryUsedPercent"]["value"])


def test_a_sample_has_one_time_and_one_line_per_metric(sampled: Path) -> None:
    for _, sample in read_profiler_data(sampled).system.groupby("time"):
        assert not sample.duplicated(["name", "dimension"]).any()
        assert (sample["name"] == "MemoryUsedPercent").sum() == 1


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    configure(tmp_path, ProfilingIntervalInMilliseconds=100)
    script = f"import subprocess; subprocess.Popen({[*COMMAND, str(tmp_path)]!r}); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        wait_until(lambda: num_samples(tmp_path))
        parent.kill()
        parent.communicate(timeout=20)  # returns once nobody holds the pipe any more, the sampler included


def test_it_can_be_turned_on_and_off_while_it_runs(tmp_path: Path) -> None:
    configure(tmp_path, DisableProfiler=True, ProfilingIntervalInMilliseconds=100)
    with sampling(tmp_path) as process:
        time.sleep(0.6)
        assert not (tmp_path / "output").exists()
        configure(tmp_path, DisableProfiler="false", ProfilingIntervalInMilliseconds=100)
        wait_until(lambda: num_samples(tmp_path) >= 2)
        process.terminate()
        assert process.wait(10) == 0


def test_a_folder_that_cannot_be_written_ends_it_with_one_line(tmp_path: Path) -> None:
    configure(tmp_path, ProfilingIntervalInMilliseconds=100)
    (tmp_path / "output").write_text("no folder")
    with sampling(tmp_path) as process:
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert output.startswith("Profiler: the system's metrics end here: ")
    assert len(output.splitlines()) == 1


def test_a_broken_configuration_ends_it_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(tmp_path, ProfilingIntervalInMilliseconds=3)
    assert main(["--base-dir", str(tmp_path)]) == 0
    assert "use one of 100, 200" in capsys.readouterr().out


def test_a_full_disk_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "system" / "incremental" / "2023111422"
    folder.mkdir(parents=True)
    (folder / f"{MINUTE}.algo-1.json").symlink_to("/dev/full")
    file = MetricsFile("algo-1")
    with pytest.raises(OSError, match="No space left"):
        file.write(tmp_path, MINUTE + 1, [Metric("cpu", "cpu0", "CPUUtilization", 1)])
    file.close()


def test_files_are_named_by_hour_and_full_minute(tmp_path: Path) -> None:
    file = MetricsFile("algo-1")
    for timestamp in (MINUTE + 0.25, MINUTE + 59.999, MINUTE + 60, MINUTE + 3600):
        file.write(tmp_path, timestamp, [Metric("cpu", "cpu0", "CPUUtilization", 12.345)])
    file.close()
    root = tmp_path / "system" / "incremental"
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*.json")) == [
        f"2023111422/{MINUTE}.algo-1.json",
        f"2023111422/{MINUTE + 60}.algo-1.json",
        f"2023111423/{MINUTE + 3600}.algo-1.json",
    ]
    first, second = (root / "2023111422" / f"{MINUTE}.algo-1.json").read_text().splitlines()
    assert first == (
        '{"Type": "cpu", "Name": "cpu0", "Dimension": "CPUUtilization", "Value": 12.35, '
        f'"NodeId": "algo-1", "Timestamp": {MINUTE}.25}}'
    )
    assert json.loads(second)["Timestamp"] == MINUTE + 59.999


def test_samples_keep_their_beat_whatever_they_take(tmp_path: Path) -> None:
    half, rare = (ProfilerConfig(folder=tmp_path, interval_seconds=seconds) for seconds in (0.5, 60.0))
    assert next_due(10.0, 10.01, half) == 10.5
    assert next_due(10.0, 11.2, half) == 11.5  # two samples were missed and are not made up for
    assert next_due(10.0, 9.8, half) == 10.0
    assert next_due(60.0, 1.0, half) == 1.5  # the interval has become shorter
    assert next_due(10.0, 10.01, rare) == 70.0


def test_it_imports_little() -> None:
    code = "import container.debugger.profiler.sampler, sys; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "pandas", "smdebug"} & set(output.stdout.split())
    assert "psutil" in output.stdout.split()
