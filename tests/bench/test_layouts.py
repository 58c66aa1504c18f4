"""The part on layouts: which are measured, and a real server that is given one core of several."""

import os
import shutil
from pathlib import Path

import pytest

from bench import layouts
from bench.layouts import (
    AUTOMATIC,
    Case,
    bench_layouts,
    cases,
    cpu_layouts,
    gpu_layouts,
    on_the_other_cores,
    records_of,
)
from bench.layouts_chart import draw_layouts
from container.serving.settings import ServeSettings
from tests.conftest import TrainedJob


def test_a_layout_uses_the_cores_that_it_is_given() -> None:
    for cores in (2, 4, 8):
        for variables in cpu_layouts(cores).values():
            settings = ServeSettings.from_environment(variables, cores)
            assert settings.workers * settings.inferences * settings.torch_threads == cores


def test_no_layout_is_measured_twice() -> None:
    for cores in layouts.CORES:
        found = [ServeSettings.from_environment(given, cores) for given in cpu_layouts(cores).values()]
        assert len(found) >= 3
        assert all(settings not in found[:index] for index, settings in enumerate(found))
    assert "6 processes" not in gpu_layouts(12)
    assert {"automatic", "8 processes"} <= set(gpu_layouts(12))
    assert "8 processes" not in gpu_layouts(16)  # which is what 16 cores get by themselves


def test_cases_are_every_number_of_cores_in_every_precision_and_a_gpu_where_there_is_one() -> None:
    names = [case.name for case in cases((1, 2), ("int8", "fp32"), gpu=True, all_cores=16)]
    assert names == ["int8 on 1 core", "fp32 on 1 core", "int8 on 2 cores", "fp32 on 2 cores", "a GPU, 12 cores"]
    assert len(cases((1, 2), ("int8",), gpu=False, all_cores=16)) == 2


def test_the_automatic_layout_is_compared_with_each_other_one(tmp_path: Path) -> None:
    case = Case(name="int8 on 1 core", cores=1, layouts={AUTOMATIC: {}, "other": {}}, concurrencies=(1, 64))
    records = records_of(case, {AUTOMATIC: {1: [30.0], 64: [50.0]}, "other": {1: [20.0], 64: [100.0]}})
    assert [(record.name, record.peer, record.ratio) for record in records] == [
        ("int8 on 1 core, concurrency 1", "other", 1.5),
        ("int8 on 1 core, concurrency 64", "other", 0.5),
    ]
    draw_layouts("Layouts", records, tmp_path / "layouts.png")
    assert (tmp_path / "layouts.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot be shared out")
def test_a_real_server_is_measured_on_its_own_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_job: TrainedJob
) -> None:
    def lay_out_model(_module: str, base_dir: str, _plain: str) -> None:  # ResNet-18 takes half a minute to calibrate
        shutil.copytree(trained_job.folder.base_dir / "model", Path(base_dir) / "model")

    monkeypatch.setattr(layouts, "run_module", lay_out_model)
    before = os.sched_getaffinity(0)
    layout = {"SERVE_DEVICE": "cpu", "SERVE_PRECISION": "fp32"}
    case = Case(name="fp32 on 1 core", cores=1, layouts={AUTOMATIC: layout, "same": layout}, concurrencies=(2,))
    (record,) = bench_layouts(tmp_path, [case], rounds=1, seconds=0.3)
    assert record.value > 0
    assert record.peer_value > 0
    assert '"workers": 1' in (tmp_path / "serve.log").read_text()
    assert os.sched_getaffinity(0) == before


def test_what_measures_keeps_off_the_server_s_cores() -> None:
    before = os.sched_getaffinity(0)
    with on_the_other_cores(1):
        assert os.sched_getaffinity(0) == before - {min(before)}
    assert os.sched_getaffinity(0) == before
