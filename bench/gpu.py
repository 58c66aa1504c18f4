"""A GPU: the training step in bfloat16 beside its floor, the loader beside the step, and serving at batch sizes 1-256.

Floors: the step's operations over the best matrix product, and its bytes, if no two layers share a pass over memory,
over the best copy, both measured on the GPU at hand. The step is the job's own, with its optimizer and metrics.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.loops import PROJECT_DIR
from bench.part import Panels, Part
from bench.record import Record, compare
from bench.training import draw_photos, lay_out_job
from container import contract

SERVE_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
TRAIN_BATCH = 256
SERVING = "batch of "
SHOWN_BATCHES = (1, 8, 64, 256)  # in the chart


def bench_gpu(
    work_dir: Path, data: Path, rounds: int, steps: int, train_batch: int, serve_batches: Sequence[int], **given: str
) -> list[Record]:
    """Records of the training step, the loader and each serving batch; `given` are hyperparameters."""
    base_dir = lay_out_job(work_dir / "run-gpu", data, fine_tune="all", pretrained="none", **given)
    sizes = [rounds, steps, train_batch, *serve_batches]
    command = [sys.executable, "-m", "bench.gpu_probe", *map(str, sizes)]
    environ = {**os.environ, contract.BASE_DIR_VARIABLE: str(base_dir)}
    done = subprocess.run(command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"The GPU could not be measured: {done.stderr[-800:]}")
    return records_of(json.loads(done.stdout.splitlines()[-1]), train_batch)


def records_of(found: dict[str, Any], train_batch: int) -> list[Record]:
    step = f"training step, {found['precision']}, batch {train_batch}, {found['device']}"
    milliseconds = [1000 * train_batch / speed for speed in found["training"]]
    floors = {
        f"floor: operations at {found['peak_operations'] / 1e12:.3g} TFLOP/s": found["operations"]
        / found["peak_operations"],
        f"floor: bytes at {found['peak_bytes'] / 1e12:.3g} TB/s": found["bytes"] / found["peak_bytes"],
    }
    loader = f"loader, {found['loader_processes']} processes"
    records = [
        compare(step, "ms", "lower", milliseconds, floor, [1000 * train_batch * seconds])
        for floor, seconds in floors.items()
    ]
    records.append(compare(loader, "images/s", "higher", found["loader"], "the training step", found["training"]))
    for size, speeds in found["serving"]["bf16"].items():
        plain = found["serving"]["fp32"][size]
        records.append(compare(f"{SERVING}{size}: serving in bf16", "images/s", "higher", speeds, "fp32", plain))
    return records


def panels(records: Sequence[Record]) -> Panels:
    return {
        "A training step": [record for record in records if record.unit == "ms"],
        "Serving, images per second": [
            record for record in records if record.name.startswith(tuple(f"{SERVING}{size}:" for size in SHOWN_BATCHES))
        ],
    }


def has_gpu() -> bool:
    """Torch says whether there is a GPU: another program may know one that torch cannot use."""
    probe = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", probe], stderr=subprocess.DEVNULL, check=False).returncode == 0


def check() -> None:
    if not has_gpu():
        raise BenchError(
            "The part gpu needs a CUDA GPU, and torch finds none here; leave it out, or run it where one is."
        )


def measure_part(work_dir: Path, quick: bool) -> list[Record]:
    data = draw_photos(work_dir, *((8, 2) if quick else (100, 25)))
    rounds, steps = (1, 5) if quick else (5, 50)
    return bench_gpu(work_dir, data, rounds, steps, TRAIN_BATCH, SERVE_BATCHES, mixed_precision="bf16")


PART = Part(
    name="gpu",
    help="on a machine with a CUDA GPU: the training step beside the GPU's floor, and serving by batch size",
    title="One GPU, resnet18 at 224 px",
    measure=measure_part,
    panels=panels,
    columns=2,
    check=check,
    only_by_name=True,
)
