"""The loader: images/s of 1 and 2 processes that decode, beside the network that they feed, and memory over epochs."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.loops import PROJECT_DIR, Contender, running
from bench.part import Panels, Part
from bench.photos import write_class_folders
from bench.record import Record, compare
from bench.training import NUM_CLASSES, OURS, lay_out_job
from container import contract

SIZES = ((500, 375), (1024, 768))  # (width, height)
NETWORK = {"training": "training step, all layers", "features": "features of a frozen backbone"}
BY = " by "  # in the names of the records of speed: so many processes


def bench_loader(work_dir: Path, rounds: int, images_per_class: int, steps: int, epochs: int) -> list[Record]:
    """Records of speed for each size and number of processes, and one of memory."""
    folders = [draw_photos(work_dir, images_per_class, size) for size in SIZES]
    base_dir = lay_out_job(work_dir / "run-loader", folders[0], fine_tune="all", pretrained="none")
    print(f"loader: {rounds} rounds", flush=True)
    speeds = measure_speeds(base_dir, rounds, steps, folders)
    return [*speed_records(speeds), memory_record(work_dir, folders[0], epochs)]


def draw_photos(work_dir: Path, images_per_class: int, size: tuple[int, int]) -> Path:
    data = work_dir / f"photos-{images_per_class}" / f"{size[0]}x{size[1]}"
    if not data.is_dir():
        print(f"loader: drawing {NUM_CLASSES * (images_per_class + 1)} photos of {data.name}", flush=True)
        write_class_folders(data, NUM_CLASSES, train=images_per_class, valid=1, size=size)
    return data


def measure_speeds(base_dir: Path, rounds: int, steps: int, folders: Sequence[Path]) -> dict[str, list[float]]:
    """Images per second in each round, by what was measured."""
    command = [sys.executable, "-m", "bench.loader_probe", str(rounds), str(steps), *map(str, folders)]
    environ = {**os.environ, contract.BASE_DIR_VARIABLE: str(base_dir)}
    done = subprocess.run(command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"The loader could not be measured: {done.stderr[-800:]}")
    speeds: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return speeds


def speed_records(speeds: dict[str, list[float]]) -> list[Record]:
    """The loader beside the network; a ratio above 1: the network never waits for images."""
    loaders = {name: values for name, values in speeds.items() if name not in NETWORK}
    return [
        compare(name, "images/s", "higher", values, peer, speeds[key])
        for key, peer in NETWORK.items()
        for name, values in loaders.items()
    ]


def memory_record(work_dir: Path, data: Path, epochs: int) -> Record:
    """Memory after the later half of the epochs beside that after the second, when all that is kept is there."""
    base_dir = lay_out_job(work_dir / "run-memory", data, fine_tune="head", pretrained="none")
    memory = memory_of_epochs(base_dir, epochs, work_dir)
    print("loader: MiB after each epoch: " + ", ".join(f"{mib:.1f}" for mib in memory), flush=True)
    later = memory[epochs // 2 :]
    return compare(
        f"memory of the job after epochs {epochs // 2 + 1} to {epochs}", "MiB", "lower", later, "epoch 2", [memory[1]]
    )


def memory_of_epochs(base_dir: Path, epochs: int, logs: Path) -> list[float]:
    """MiB of the training process and its loader processes after each epoch of the job in the base folder."""
    variables = {contract.BASE_DIR_VARIABLE: str(base_dir)}
    memory = []
    with running(Contender(OURS, [sys.executable, "-m", "bench.our_loop"], variables), logs) as loop:
        for _ in range(epochs):
            loop.train_one_epoch()
            memory.append(loop.memory_mib)
    return memory


def panels(records: Sequence[Record]) -> Panels:
    speeds = [record for record in records if BY in record.name]
    return {"The loader, and resnet18 at 224 px": speeds}


def measure_part(work_dir: Path, quick: bool) -> list[Record]:
    if quick:
        return bench_loader(work_dir, rounds=1, images_per_class=8, steps=1, epochs=6)
    return measure_rounds(work_dir, 5)


def measure_rounds(work_dir: Path, rounds: int) -> list[Record]:
    return bench_loader(work_dir, rounds, images_per_class=40, steps=4, epochs=8)


PART = Part(
    name="loader",
    help="images/s of the input pipeline beside the network that it feeds, and its memory over epochs",
    title="Input pipeline",
    measure=measure_part,
    measure_rounds=measure_rounds,
    panels=panels,
)
