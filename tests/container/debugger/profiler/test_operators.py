import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from container.debugger.profiler import operators as operators_file
from container.debugger.profiler.config import LiveConfig
from container.debugger.profiler.operators import OperatorProfiler

NewProfiler = Callable[[str], OperatorProfiler]


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        self.head = nn.Linear(8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(images).mean((2, 3)))


NETWORK = Network()


def train_step() -> None:
    NETWORK(torch.ones(2, 3, 32, 32)).sum().backward()


def run(profiler: OperatorProfiler, numbers: range, mode: str = "TRAIN") -> None:
    for number in numbers:
        profiler.step(mode, number)
        train_step()


def configure(base_dir: Path, window: str, **content: object) -> None:
    path = base_dir / "profilerconfig.json"
    path.write_text(json.dumps({"ProfilingParameters": {"DetailedProfilingConfig": window}, **content}))
    os.utime(path, ns=(time.time_ns(), time.time_ns()))


@pytest.fixture
def new_profiler(tmp_path: Path) -> NewProfiler:
    """A function: the window in the configuration -> a profiler that writes below tmp_path."""

    def build(window: str) -> OperatorProfiler:
        configure(tmp_path, window)
        return OperatorProfiler(tmp_path, LiveConfig(tmp_path / "profilerconfig.json", tmp_path, check_seconds=0))

    return build


def windows(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Folder name -> content of operators.json."""
    paths = sorted((tmp_path / "framework" / "torch_profiler").glob("*/operators.json"))
    return {path.parent.name: json.loads(path.read_text()) for path in paths}


def names(flame: dict[str, Any]) -> set[str]:
    return {flame["name"]}.union(*map(names, flame["children"]))


def test_the_chosen_steps_are_profiled(tmp_path: Path, new_profiler: NewProfiler) -> None:
    profiler = new_profiler('{"StartStep": 2, "NumSteps": 3}')
    run(profiler, range(8))
    profiler.close()
    found = windows(tmp_path)
    assert list(found) == ["TRAIN-2-4"]
    content = found["TRAIN-2-4"]
    assert content["steps"] == [2, 4]
    assert content["seconds"] > 0
    table = {row["name"]: row for row in content["operators"]}
    assert table["aten::convolution_backward"]["calls"] == 3
    assert table["aten::addmm"]["device"] == "cpu"
    assert all(0 <= row["self_us"] <= row["total_us"] for row in table.values())
    assert {"Network_0", "Conv2d_0", "Linear_0", "aten::addmm"} <= names(content["flame"])


def test_the_trace_opens_in_chrome(tmp_path: Path, new_profiler: NewProfiler) -> None:
    profiler = new_profiler('{"StartStep": 0, "NumSteps": 1}')
    run(profiler, range(2))
    profiler.close()
    with gzip.open(tmp_path / "framework" / "torch_profiler" / "TRAIN-0-0" / "trace.json.gz") as file:
        trace = json.load(file)
    assert any(event["name"] == "aten::conv2d" for event in trace["traceEvents"])
    assert [path.name for path in (tmp_path / "framework" / "torch_profiler").iterdir()] == ["TRAIN-0-0"]


def test_an_evaluation_cuts_the_window(tmp_path: Path, new_profiler: NewProfiler) -> None:
    profiler = new_profiler('{"StartStep": 1, "NumSteps": 9}')
    run(profiler, range(3))
    run(profiler, range(2), mode="EVAL")
    run(profiler, range(3, 6))
    profiler.close()
    assert list(windows(tmp_path)) == ["TRAIN-1-2"]


def test_the_end_of_an_epoch_cuts_the_window(tmp_path: Path, new_profiler: NewProfiler) -> None:
    profiler = new_profiler('{"StartStep": 1, "NumSteps": 9}')
    run(profiler, range(3))
    profiler.end_window()
    profiler.end_window()
    run(profiler, range(3, 6))
    profiler.close()
    assert list(windows(tmp_path)) == ["TRAIN-1-2"]


def test_an_open_window_ends_with_the_job(tmp_path: Path, new_profiler: NewProfiler) -> None:
    profiler = new_profiler('{"StartStep": 1, "NumSteps": 9}')
    run(profiler, range(3))
    profiler.close()
    profiler.close()
    assert list(windows(tmp_path)) == ["TRAIN-1-2"]


def test_a_change_while_running_opens_another_window(tmp_path: Path, new_profiler: NewProfiler) -> None:
    profiler = new_profiler('{"StartStep": 0, "NumSteps": 1}')
    run(profiler, range(4))
    configure(tmp_path, '{"StartStep": 5, "NumSteps": 2}')
    run(profiler, range(4, 9))
    configure(tmp_path, '{"StartStep": 1, "NumSteps": 2}')  # these steps have passed
    run(profiler, range(9, 12))
    profiler.close()
    assert list(windows(tmp_path)) == ["TRAIN-0-0", "TRAIN-5-6"]


def test_turning_the_profiler_off_ends_the_window(tmp_path: Path, new_profiler: NewProfiler) -> None:
    profiler = new_profiler('{"StartStep": 0, "NumSteps": 9}')
    run(profiler, range(2))
    configure(tmp_path, '{"StartStep": 0, "NumSteps": 9}', DisableProfiler=True)
    run(profiler, range(2, 4))
    profiler.close()
    assert list(windows(tmp_path)) == ["TRAIN-0-1"]


def test_no_steps_means_no_window(tmp_path: Path, new_profiler: NewProfiler) -> None:
    profiler = new_profiler('{"NumSteps": 0}')
    run(profiler, range(4))
    profiler.close()
    assert windows(tmp_path) == {}


def test_a_resumed_job_profiles_its_own_first_steps(tmp_path: Path, new_profiler: NewProfiler) -> None:
    profiler = new_profiler('{"StartStep": 2, "NumSteps": 2}')
    run(profiler, range(500, 506))
    profiler.close()
    assert list(windows(tmp_path)) == ["TRAIN-502-503"]


def test_a_time_chooses_the_steps_but_not_without_limit(
    tmp_path: Path, new_profiler: NewProfiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operators_file, "MAX_STEPS", 2)
    profiler = new_profiler(json.dumps({"StartTimeInSecSinceEpoch": time.time() - 1, "DurationInSeconds": 3600}))
    run(profiler, range(6))
    profiler.close()
    assert list(windows(tmp_path)) == ["TRAIN-0-1"]


def test_a_time_that_has_passed_chooses_nothing(tmp_path: Path, new_profiler: NewProfiler) -> None:
    profiler = new_profiler(json.dumps({"StartTimeInSecSinceEpoch": time.time() - 10, "DurationInSeconds": 5}))
    run(profiler, range(3))
    profiler.close()
    assert windows(tmp_path) == {}


def test_a_folder_that_cannot_be_written_is_one_line_and_no_error(
    tmp_path: Path, new_profiler: NewProfiler, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "framework").write_text("no folder")
    profiler = new_profiler('{"StartStep": 0, "NumSteps": 1}')
    run(profiler, range(3))
    profiler.close()
    assert capsys.readouterr().out.count("operators are not profiled any more") == 1


def test_a_profiler_that_cannot_start_is_one_line_and_no_error(
    tmp_path: Path,
    new_profiler: NewProfiler,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(**_: object) -> None:
        raise RuntimeError("CUPTI is in use")

    monkeypatch.setattr(operators_file, "profile", refuse)
    profiler = new_profiler('{"StartStep": 0, "NumSteps": 1}')
    run(profiler, range(3))
    profiler.close()
    assert capsys.readouterr().out.count("operators are not profiled any more") == 1
    assert windows(tmp_path) == {}
