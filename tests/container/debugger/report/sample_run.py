"""Runs for the report's tests: frames of a profile as it comes out, verdicts, and real tensors of a small network."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from container.debugger.profiler.data import EVENT_COLUMNS, SYSTEM_COLUMNS
from container.debugger.report.collect import Content, RunFolders
from container.debugger.report.distributions import Distribution
from container.debugger.report.tensors import LossCurve, SavedTensors
from container.debugger.verdict import ISSUES, NO_ISSUES, NOT_EVALUATED, PROFILER, TENSOR, Issue, Verdict

HOSTILE = "<script>alert('name')</script>"
START = 1_790_000_000.0  # seconds since the epoch


def system_frame(seconds: float = 120, *, gpu: bool = True, node: str = "algo-1", interval: float = 0.5) -> Any:
    """Samples of four cores, memory, disk and network, and of one GPU."""
    random = np.random.default_rng(0)
    times = START + np.arange(0, seconds, interval)
    wave = 0.5 + 0.5 * np.sin(np.arange(len(times)) / 23)
    columns: list[tuple[str, str, str, Any]] = [
        ("cpu", f"cpu{core}", "CPUUtilization", 55 + 10 * core * wave + 5 * random.random(len(times)))
        for core in range(4)
    ]
    columns += [("cpu", f"cpu{core}", "I/OWaitPercentage", 3 * wave) for core in range(4)]
    columns.append(("memory", "MemoryUsedPercent", "", 30 + np.minimum(20, np.arange(len(times)) / 5)))
    columns.append(("i/o", "ReadThroughputInBytesPerSecond", "", 2e7 * wave))
    columns.append(("network", "ReceiveBytesPerSecond", "Algorithm", 4e5 * wave))
    if gpu:
        columns.append(("gpu", "gpu0", "GPUUtilization", 30 + 40 * wave))
        columns.append(("gpu", "gpu0", "GPUMemoryUtilization", np.full(len(times), 41.0)))
    frames = [
        pandas.DataFrame(
            {"time": times, "node": node, "type": kind, "name": name, "dimension": dimension, "value": value}
        )
        for kind, name, dimension, value in columns
    ]
    return pandas.concat(frames, ignore_index=True)[list(SYSTEM_COLUMNS)]


def event_frame(num_steps: int = 200, *, slow: tuple[int, ...] = (57, 120)) -> Any:
    """A timeline of training steps, with an evaluation behind every 50; in the `slow` ones the data came late."""
    random = np.random.default_rng(1)
    rows: list[tuple[str, str, float, float, int, str]] = [("Initialization", "start", START + 1, 7.0, -1, "TRAIN")]
    now, eval_step = START + 8, 0
    for step in range(num_steps):
        parts = {"DataLoading": 0.05, "Forward": 0.1, "Backward": 0.18, "Optimizer": 0.02}
        parts = {name: seconds * (0.9 + 0.2 * random.random()) for name, seconds in parts.items()}
        parts["DataLoading"] += 1.4 if step in slow else 0.0
        now = _add_step(rows, "TRAIN", step, now, parts)
        if step % 50 == 49:
            for _ in range(5):
                now = _add_step(rows, "EVAL", eval_step, now, {"DataLoading": 0.03, "Forward": 0.08})
                eval_step += 1
            rows.append(("Checkpoint", "save", now, 0.4, -1, "TRAIN"))
            now += 0.4
    frame = pandas.DataFrame(rows, columns=["phase", "op_name", "start", "duration", "step", "mode"])
    return frame.assign(pid=77, node="algo-1")[list(EVENT_COLUMNS)]


def _add_step(rows: list[Any], mode: str, step: int, now: float, parts: dict[str, float]) -> float:
    total = sum(parts.values()) + 0.01
    rows.append((f"Step:ModeKeys.{mode}", "step", now, total, step, mode))
    at = now
    for name, seconds in parts.items():
        rows.append((name, name, at, seconds, step, mode))
        at += seconds
    return now + total


def operators(name: str = "aten::convolution") -> list[dict[str, Any]]:
    """One window of the operator profiler."""
    table = [
        {"name": name, "calls": 120, "self_us": 410_000, "total_us": 430_000, "device": "cpu"},
        {"name": "aten::native_batch_norm", "calls": 120, "self_us": 90_000, "total_us": 95_000, "device": "cpu"},
        {"name": "aten::threshold_backward", "calls": 102, "self_us": 41_000, "total_us": 41_000, "device": "cpu"},
    ]
    convolution = {"name": name, "us": 430_000, "children": []}
    layer = {"name": "nn.Module: layer1", "us": 500_000, "children": [convolution]}
    rest = {"name": "nn.Module: Linear", "us": 100_000, "children": []}
    forward = {"name": "nn.Module: Network", "us": 620_000, "children": [layer, rest]}
    backward = {"name": "autograd: ConvolutionBackward0", "us": 380_000, "children": []}
    flame = {"name": "steps 5 to 7", "us": 1_000_000, "children": [forward, backward]}
    return [{"steps": [5, 7], "seconds": 1.2, "operators": table, "flame": flame}]


def verdicts(class_name: str = "dog") -> list[Verdict]:
    """Two rules that found something, one that did not and one that saw nothing."""
    dead = tuple(
        Issue(message=f"Of layer1.relu, {share} % of the units are dead.", step=step, mode="TRAIN", mode_step=step)
        for step, share in ((40, 61), (80, 70), (200, 72))
    )
    return [
        Verdict(
            rule="DeadRelu",
            kind=TENSOR,
            status=ISSUES,
            message=dead[0].message,
            advice="Lower learning_rate, or start from pretrained weights.",
            datapoints=3400,
            triggered=3,
            violations=9,
            parameters={"threshold_inactivity": 1.0, "threshold_layer": 50},
            issues=dead,
        ),
        Verdict(
            rule="ClassImbalance",
            kind=TENSOR,
            status=NO_ISSUES,
            message=f"The largest class, {class_name}, has 1.4 times the images of the smallest.",
            datapoints=500,
        ),
        Verdict(
            rule="StepOutlier",
            kind=PROFILER,
            status=ISSUES,
            message="2 of 200 steps took longer than the mean plus 3 standard deviations.",
            advice="Data loading took the extra time of the slowest steps; give the loader more workers.",
            datapoints=200,
            triggered=1,
            violations=2,
            parameters={"stddev": 3, "n_outliers": 10},
            issues=(Issue(message="Step 57 took 1.8 s.", mode="TRAIN", mode_step=57, time=START + 30),),
        ),
        Verdict(
            rule="LoadBalancing",
            kind=PROFILER,
            status=NOT_EVALUATED,
            message="There is one GPU only; the rule compares two or more.",
        ),
    ]


def metrics(**changes: Any) -> dict[str, Any]:
    """The content of metrics.json after six epochs."""
    history = [
        {
            "train_loss": 2.0 / epoch,
            "train_accuracy": 1 - 0.6 / epoch,
            "valid_loss": 2.1 / epoch + 0.05 * epoch,
            "valid_accuracy": 0.9 - 0.6 / epoch,
            "valid_top5_accuracy": 1 - 0.2 / epoch,
            "learning_rate": 0.001,
            "images_per_second": 310.0,
        }
        for epoch in range(1, 7)
    ]
    settings = {"backbone": "resnet18", "learning_rate": 0.001, "batch_size": 32, "num_epochs": 6}
    return {
        "job_name": "dogs-2026-11-24",
        "history": history,
        "hyperparameters": settings,
        "test": {"loss": 0.6, "accuracy": 0.81, "top5_accuracy": 0.97},
        "versions": {"torch": "2.14.1", "python": "3.11"},
        **changes,
    }


def saved_tensors(names: tuple[str, ...] = ("Network_head.0.weight", "Network_backbone.conv1.weight")) -> SavedTensors:
    """Losses of 220 steps and distributions of a few tensors of each kind."""
    random = np.random.default_rng(2)
    steps = [step for step in range(220) if step % 55 < 50]
    train = [2.2 * np.exp(-step / 90) + 0.15 * random.random() + 0.1 for step in steps]
    evaluation = [step for step in range(220) if step % 55 >= 50]
    spread = np.array([-3, -1.7, -0.7, 0, 0.7, 1.7, 3])
    distributions = [
        Distribution(
            tensor=prefix + name,
            kind=kind,
            steps=list(range(0, 220, 10)),
            rows=[(spread * scale * (1 + step / 200)).tolist() for step in range(0, 220, 10)],
        )
        for kind, prefix, scale in (("weights", "", 0.1), ("gradients", "gradient/", 0.003))
        for name in names
    ]
    return SavedTensors(
        losses=[
            LossCurve(mode="TRAIN", steps=steps, values=train),
            LossCurve(mode="EVAL", steps=evaluation, values=[1.2 * np.exp(-s / 80) + 0.5 for s in evaluation]),
        ],
        distributions=distributions,
        num_tensors=len(distributions),
        missing="",
    )


def content(**changes: Any) -> Content:
    """A run with everything."""
    known: dict[str, Any] = {
        "name": "dogs-2026-11-24",
        "metrics": metrics(),
        "verdicts": verdicts(),
        "system": system_frame(),
        "events": event_frame(),
        "operators": operators(),
        "tensors": saved_tensors(),
    }
    return Content(**{**known, **changes})


def save_tensors(folder: Path, *, num_steps: int = 8, reductions: str = "", finish: bool = True) -> None:
    """Train a tiny network under smdebug's own hook, which saves its losses, weights and gradients to `folder`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # smdebug calls tostring() of numpy
        _train(folder, num_steps, reductions, finish)


def _train(folder: Path, num_steps: int, reductions: str, finish: bool) -> None:
    import smdebug.pytorch as smd
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.head(images)

    torch.manual_seed(0)
    network, criterion = Network(), nn.CrossEntropyLoss()
    hook = smd.Hook(
        out_dir=str(folder),
        save_config=smd.SaveConfig(save_interval=1),
        include_collections=["losses", "weights", "gradients"],
        reduction_config=smd.ReductionConfig(reductions=reductions.split(",")) if reductions else None,
    )
    hook.register_module(network)
    hook.register_loss(criterion)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(num_steps):
        hook.set_mode(smd.modes.TRAIN)
        criterion(network(torch.randn(6, 4)), torch.arange(6) % 3).backward()
        optimizer.step()
    hook.set_mode(smd.modes.EVAL)
    criterion(network(torch.randn(6, 4)), torch.arange(6) % 3)
    hook.close()
    if not finish:
        (folder / "training_job_end.ts").unlink()


def write_run(base_dir: Path, *, tensors: bool = True) -> RunFolders:
    """A run laid out as /opt/ml, without a profile."""
    from container.debugger.verdict import write_verdict

    run = RunFolders.below(base_dir)
    assert run.tensors
    assert run.rules
    assert run.profiler_rules
    assert run.metrics
    for verdict in verdicts():
        write_verdict(run.rules if verdict.kind == TENSOR else run.profiler_rules, verdict)
    run.metrics.write_text(json.dumps(metrics()))
    if tensors:
        save_tensors(run.tensors)
    return run
