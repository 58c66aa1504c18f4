"""What the debugger costs: time of a training step with it, at its defaults and at fixed save intervals, and without.

Whole jobs in turn, each as the container runs it, with the sampler and the judge beside it: ResNet-18 at 64 pixels on
small photos, whose steps are short and never wait for data, so that the price is not hidden. The first epoch is not
counted.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import fmean

from bench.errors import BenchError
from bench.loops import PROJECT_DIR
from bench.part import Part
from bench.photos import write_class_folders
from bench.record import Record, compare
from container import contract
from local_test.opt_ml import find_channels, lay_out

NUM_CLASSES = 8
PHOTO_SIZE = (96, 80)
OFF = "debugger off"
HYPERPARAMETERS = {
    "backbone": "resnet18",
    "pretrained": "none",
    "head": "linear",
    "fine_tune": "all",
    "image_size": "64",
    "batch_size": "16",
    "augment": "basic",
    "precisions": "fp32",  # what follows training is not measured
}
# What the platform's own rules ask for, in full: every weight, bias and gradient of the network.
COLLECTIONS = ("losses", "weights", "biases", "gradients")
SAVE_INTERVALS = (1, 10, 100)
DEFAULTS = "defaults"
SHORT_EPOCHS = 3


def bench_debugger(work_dir: Path, rounds: int, images_per_class: int, epochs: int) -> list[Record]:
    """A record for the defaults and for each save interval, after `rounds` jobs of each."""
    data = work_dir / f"small-photos-{images_per_class}"
    if not data.is_dir():
        print(f"debugger: drawing {NUM_CLASSES * (images_per_class + 1)} photos", flush=True)
        write_class_folders(data, NUM_CLASSES, train=images_per_class, valid=1, size=PHOTO_SIZE)
    intervals = {f"all, every {interval}": interval for interval in SAVE_INTERVALS}
    variants: dict[str, int | None] = {OFF: None, DEFAULTS: None, **intervals}
    milliseconds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds):
        for name, interval in variants.items():
            print(f"debugger, round {number + 1} of {rounds}: {name}", flush=True)
            # Everything at every step is 90 MB a step: a few epochs tell as much as many.
            length = min(epochs, SHORT_EPOCHS) if interval == 1 else epochs
            step = train(work_dir / "run-debugger", data, length, off=name == OFF, interval=interval)
            milliseconds[name].append(step)
    without = milliseconds.pop(OFF)
    return [
        compare(f"{name}: one training step", "ms", "lower", values, OFF, without)
        for name, values in milliseconds.items()
    ]


def train(root: Path, data: Path, epochs: int, *, off: bool, interval: int | None) -> float:
    """Milliseconds per training step of one job, the first epoch left out."""
    shutil.rmtree(root, ignore_errors=True)
    given = {**HYPERPARAMETERS, "num_epochs": str(epochs), "debugger": "false" if off else "true"}
    run = lay_out(root, given, find_channels(data), link=True)
    if interval is not None:
        (run.config_dir / contract.DEBUG_HOOK_CONFIG_FILE).write_text(json.dumps(hook_config(interval)))
    environ = {**os.environ, contract.BASE_DIR_VARIABLE: str(run.root)}
    job = subprocess.run(
        [sys.executable, "-m", "container.entrypoint", "train"],
        cwd=PROJECT_DIR,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    speeds = [float(text) for text in re.findall(contract.metric_regex("Images per second"), job.stdout)]
    if job.returncode or len(speeds) != epochs:
        raise BenchError(f"The job ended with status {job.returncode}: {job.stdout[-500:]}")
    return 1000 * int(given["batch_size"]) * fmean(1 / speed for speed in speeds[1:])


def hook_config(interval: int) -> dict[str, object]:
    return {
        "HookParameters": {"train.save_interval": str(interval), "eval.end_step": "0"},
        "CollectionConfigurations": [{"CollectionName": name} for name in COLLECTIONS],
    }


def measure_part(work_dir: Path, quick: bool) -> list[Record]:
    size = {"images_per_class": 4, "epochs": 2} if quick else {"images_per_class": 40, "epochs": 11}
    return bench_debugger(work_dir, rounds=1 if quick else 3, **size)


PART = Part(
    name="debugger",
    help="what the debugger costs a training step",
    title="Debugger, fp32",
    measure=measure_part,
    panels=lambda records: {"A training step with the debugger, resnet18 at 64 px, batch 16": records},
)
