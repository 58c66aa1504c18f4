import json
import os
from pathlib import Path
from typing import Any

import pytest

from container.debugger.profiler.config import LiveConfig, ProfilerConfig, read_profiler_config
from container.errors import SettingsError


def read(tmp_path: Path, content: dict[str, Any]) -> ProfilerConfig:
    path = tmp_path / "profilerconfig.json"
    path.write_text(json.dumps(content))
    return read_profiler_config(path, tmp_path)


def test_without_a_file_everything_is_profiled_every_half_second(tmp_path: Path) -> None:
    config = read_profiler_config(tmp_path / "profilerconfig.json", tmp_path)
    assert config.enabled
    assert config.interval_seconds == 0.5
    assert config.folder == tmp_path / "output" / "profiler"
    assert config.operators_num_steps > 0


@pytest.mark.parametrize("parameters", [{}, None])
def test_empty_parameters_leave_the_defaults(tmp_path: Path, parameters: dict[str, str] | None) -> None:
    content = {"ProfilingParameters": parameters, "DisableProfiler": None, "ProfilingIntervalInMilliseconds": None}
    assert read(tmp_path, content) == read_profiler_config(tmp_path / "none.json", tmp_path)


@pytest.mark.parametrize(("value", "enabled"), [(True, False), ("true", False), ("False", True), (False, True)])
def test_the_profiler_can_be_turned_off(tmp_path: Path, value: object, enabled: bool) -> None:
    assert read(tmp_path, {"DisableProfiler": value}).enabled is enabled


def test_numbers_may_come_as_text(tmp_path: Path) -> None:
    parameters = {"RotateMaxFileSizeInBytes": "2000", "RotateFileCloseIntervalInSeconds": "60"}
    config = read(tmp_path, {"ProfilingIntervalInMilliseconds": "100", "ProfilingParameters": parameters})
    assert (config.interval_seconds, config.rotate_bytes, config.rotate_seconds) == (0.1, 2000, 60)


@pytest.mark.parametrize(
    ("local_path", "folder"),
    [("/opt/ml/output/Elsewhere", "output/Elsewhere"), ("/opt/ml", "."), ("/data/p", "/data/p")],
)
def test_the_platforms_folder_lies_below_the_base_folder(tmp_path: Path, local_path: str, folder: str) -> None:
    assert read(tmp_path, {"ProfilingParameters": {"LocalPath": local_path}}).folder == tmp_path / folder


@pytest.mark.parametrize("name", ["DetailedProfilingConfig", "PythonProfilingConfig"])
@pytest.mark.parametrize(
    "text",
    [
        '{"StartStep": 3, "NumSteps": 2, "ProfilerName": "cprofile"}',
        "{'StartStep': '3', 'NumSteps': 2, }",  # the SageMaker Python SDK's own style
        '{"startstep": 3, "numsteps": "2", "x": true}',
    ],
)
def test_either_of_the_platforms_profilers_chooses_the_steps(tmp_path: Path, name: str, text: str) -> None:
    config = read(tmp_path, {"ProfilingParameters": {name: text}})
    assert (config.operators_start_step, config.operators_num_steps) == (3, 2)
    assert config.operators_start_time is None


def test_one_step_is_profiled_where_only_the_first_is_named(tmp_path: Path) -> None:
    config = read(tmp_path, {"ProfilingParameters": {"DetailedProfilingConfig": '{"StartStep": 7}'}})
    assert (config.operators_start_step, config.operators_num_steps) == (7, 1)


def test_a_time_may_be_given_instead_of_steps(tmp_path: Path) -> None:
    text = '{"StartTimeInSecSinceEpoch": 1700000000, "DurationInSeconds": 2.5}'
    config = read(tmp_path, {"ProfilingParameters": {"PythonProfilingConfig": text}})
    assert (config.operators_start_time, config.operators_seconds) == (1_700_000_000, 2.5)


def test_a_profiler_without_a_window_leaves_the_steps_alone(tmp_path: Path) -> None:
    config = read(tmp_path, {"ProfilingParameters": {"PythonProfilingConfig": '{"ProfilerName": "cprofile"}'}})
    assert config == read_profiler_config(tmp_path / "none.json", tmp_path)


def test_code_in_the_file_is_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    with pytest.raises(SettingsError, match="PythonProfilingConfig"):
        read(tmp_path, {"ProfilingParameters": {"PythonProfilingConfig": f"open({str(proof)!r}, 'w')"}})
    assert not proof.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"ProfilingIntervalInMilliseconds": 300}, "use one of 100, 200, 500, 1000, 5000, 60000"),
        ({"ProfilingIntervalInMilliseconds": "often"}, "ProfilingIntervalInMilliseconds is 'often'"),
        ({"DisableProfiler": "maybe"}, "use true or false"),
        ({"ProfilingParameters": ["x"]}, "must hold a JSON object"),
        ({"ProfilingParameters": {"RotateMaxFileSizeInBytes": "-5"}}, "at least 1"),
        ({"ProfilingParameters": {"RotateFileCloseIntervalInSeconds": "inf"}}, "RotateFileCloseIntervalInSeconds"),
        ({"ProfilingParameters": {"DetailedProfilingConfig": "[3]"}}, "StartStep"),
        ({"ProfilingParameters": {"DetailedProfilingConfig": '{"StartStep": -1}'}}, "StartStep is -1"),
        ({"ProfilingParameters": {"DetailedProfilingConfig": '{"NumSteps": "x"}'}}, "NumSteps is 'x'"),
    ],
)
def test_a_wrong_value_is_named_with_what_to_do(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=r"profilerconfig\.json") as raised:
        read(tmp_path, content)
    assert message in str(raised.value)


def change(path: Path, text: str, second: int) -> None:
    """Write the file with a time of change that no two writes share."""
    path.write_text(text)
    os.utime(path, (second, second))


def test_a_change_while_running_takes_effect(tmp_path: Path) -> None:
    path = tmp_path / "profilerconfig.json"
    live = LiveConfig(path, tmp_path, check_seconds=0)
    assert live.current().enabled
    change(path, '{"DisableProfiler": true}', 1)
    assert not live.current().enabled
    change(path, '{"DisableProfiler": 0.5}', 2)
    change(path, '{"DisableProfiler": false, "ProfilingIntervalInMilliseconds": 1000}', 3)
    assert live.current().interval_seconds == 1


def test_the_file_is_looked_at_once_a_second_at_most(tmp_path: Path) -> None:
    path = tmp_path / "profilerconfig.json"
    live = LiveConfig(path, tmp_path, check_seconds=3600)
    change(path, '{"DisableProfiler": true}', 1)
    assert live.current().enabled


def test_a_broken_change_keeps_the_last_good_one_and_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "profilerconfig.json"
    change(path, '{"ProfilingIntervalInMilliseconds": 200}', 1)
    live = LiveConfig(path, tmp_path, check_seconds=0)
    change(path, '{"ProfilingInterv', 2)
    assert [live.current().interval_seconds for _ in range(3)] == [0.2] * 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert str(path) in lines[0]


def test_a_file_that_is_emptied_or_gone_keeps_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "profilerconfig.json"
    change(path, '{"ProfilingIntervalInMilliseconds": 200}', 1)
    live = LiveConfig(path, tmp_path, check_seconds=0)
    change(path, "", 2)
    assert live.current().interval_seconds == 0.2
    path.unlink()
    assert live.current().interval_seconds == 0.2


def test_a_broken_file_at_the_start_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "profilerconfig.json"
    path.write_text("{")
    with pytest.raises(SettingsError, match="correct it or remove it"):
        LiveConfig(path, tmp_path)
