"""The loader and the network that it feeds, in turns: images per second of each, as JSON.

    SAGEMAKER_BASE_DIR=... python -m bench.loader_probe ROUNDS STEPS DATA...

The job in the base folder says what is trained; of every other data folder only the loader is measured.
"""

import json
import sys
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from bench.steps import feature_speed, loader_speed, start_job, training_speed
from container.data.channels import read_channel
from container.data.dataset import BatchSampler, batches, make_loader
from container.training.build import make_dataset
from container.training.job import Job

WORKERS = (1, 2)


def loaders(job: Job, data: Path) -> dict[str, DataLoader[Any]]:
    """One per number of loader processes, of the data's training images with the job's views of them."""
    channel = read_channel("train", data / "train", max_corrupt_share=0)
    dataset = make_dataset(job.settings.hyperparameters, channel, augmented=True)
    size = job.settings.hyperparameters.batch_size
    found = {}
    for workers in WORKERS:
        sampler = BatchSampler(len(channel), size, rank=0, world_size=1, accumulation_steps=1, seed=0)
        loader = make_loader(dataset, sampler, workers, pin_memory=job.group.device.type == "cuda")
        found[f"{data.name} by {workers} process{'es' if workers > 1 else ''}"] = loader
    return found


def main(rounds: int, steps: int, folders: list[Path]) -> None:
    job = start_job()
    found = {name: loader for data in folders for name, loader in loaders(job, data).items()}
    batch = next(batches(found[next(iter(found))]))
    speeds: dict[str, list[float]] = {name: [] for name in [*found, "training", "features"]}
    for number in range(rounds + 1):
        measured = {name: loader_speed(loader) for name, loader in found.items()}
        measured["training"] = training_speed(job, batch, steps)
        measured["features"] = feature_speed(job, batch, steps)
        if number:  # the first round warms up
            for name, speed in measured.items():
                speeds[name].append(speed)
    print(json.dumps(speeds))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), [Path(argument) for argument in sys.argv[3:]])
