"""The GPU's part, on the CPU and with small sizes: what is measured and what is made of it."""

import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench import __main__, gpu, gpu_probe
from bench.errors import BenchError
from bench.gpu import bench_gpu, panels
from bench.models import make_network
from bench.part import Part
from bench.photos import write_class_folders


def test_every_part_of_the_measurement_runs_on_a_cpu_too(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", 2, train=8, valid=1, size=(64, 48))
    small = {"backbone": "squeezenet1_1", "image_size": "32", "batch_size": "8", "mixed_precision": "bf16"}
    records = bench_gpu(tmp_path, data, 1, 2, 12, (1, 3), **small)
    names = [record.name for record in records]
    assert names[:2] == ["training step, bfloat16, batch 12, cpu"] * 2
    assert names[2:] == ["loader, 1 processes", "batch of 1: serving in bf16", "batch of 3: serving in bf16"]
    assert all(record.value > 0 and record.peer_value > 0 for record in records)
    operations, bytes_moved = records[0], records[1]
    assert operations.peer.startswith("floor: operations at ")
    assert bytes_moved.peer.startswith("floor: bytes at ")
    assert operations.ratio is not None
    assert operations.ratio < 1  # nothing is faster than its floor
    assert [len(own) for own in panels(records).values()] == [2, 1]  # batches of 3 are not shown


def test_training_takes_three_times_the_operations_of_a_forward_pass() -> None:
    # Of each layer's weights and inputs a gradient; the first layer's input needs none, 0.24 of 3.63 billion.
    operations = gpu_probe.training_operations(make_network().train(), 224)
    assert operations == pytest.approx(3 * 3.63e9 - 0.24e9, rel=0.01)


def test_bytes_are_those_of_what_each_layer_reads_and_writes() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU())
    inputs, outputs = 3 * 4 * 4, 8 * 4 * 4
    expected = (3 * inputs + 2 * outputs) + (3 * outputs + 2 * outputs)
    assert gpu_probe.training_bytes(network, 4) == 2 * expected


def test_a_peak_is_the_best_of_a_few_attempts() -> None:
    assert gpu_probe.peak_operations(torch.device("cpu")) > 1e8
    assert gpu_probe.peak_bytes(torch.device("cpu")) > 1e8


def test_it_is_measured_only_where_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise BenchError("no GPU")

    other = Part(name="other", help="", title="", measure=lambda work_dir, quick: [], check=lambda: print("other"))
    named = replace(gpu.PART, check=refuse)
    monkeypatch.setattr(__main__, "PARTS", (named, other))
    monkeypatch.setattr(__main__, "run", lambda part, command, options: print(part.name))
    assert __main__.main([]) == 0
    assert capsys.readouterr().out == "other\nother\n"
    assert __main__.main(["gpu"]) == 1
    assert "no GPU" in capsys.readouterr().err


def test_without_a_gpu_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **named: SimpleNamespace(returncode=1))
    with pytest.raises(BenchError, match=r"^The part gpu needs a CUDA GPU, and torch finds none here; [^.]*\.$"):
        gpu.check()
