"""What a GPU does with this project's network, and what it could do, in one process: numbers as JSON.

    SAGEMAKER_BASE_DIR=... python -m bench.gpu_probe ROUNDS STEPS TRAIN_BATCH SERVE_BATCH...

The device is the training job's: without a GPU, the CPU, on which tests run it.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from bench.steps import loader_speed, start_job, training_speed
from container.data.dataset import Batch, batches
from container.model.artifact import Artifact, load_artifact, save_artifact
from container.model.low_precision import to_bf16
from container.model.preprocess import Preprocess
from container.training.job import Job

ATTEMPTS = 8
SIDES = {"cuda": 8192, "cpu": 512}  # of the matrices whose product shows the peak
COPIED_MIB = {"cuda": 2048, "cpu": 16}
BYTES_PER_VALUE = 2  # of bfloat16


def peak_operations(device: torch.device) -> float:
    """Operations per second of the best of a few bfloat16 matrix products."""
    side = SIDES[device.type]
    left, right = (torch.rand(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / best_seconds(lambda: left @ right, device)


def peak_bytes(device: torch.device) -> float:
    """Bytes per second, read and written, of the best of a few copies in the device's memory."""
    source = torch.zeros(COPIED_MIB[device.type] * 2**20, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * source.numel() / best_seconds(lambda: target.copy_(source), device)


def best_seconds(work: Callable[[], Any], device: torch.device) -> float:
    found = float("inf")
    for _ in range(ATTEMPTS):
        wait(device)
        started = time.perf_counter()
        work()
        wait(device)
        found = min(found, time.perf_counter() - started)
    return found


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def training_operations(network: nn.Module, image_size: int) -> float:
    """Operations of one image forward and backward; a multiplication and an addition count as two."""
    images = torch.zeros(2, 3, image_size, image_size, device=next(network.parameters()).device)
    with FlopCounterMode(display=False) as counter:
        network(images).sum().backward()
    network.zero_grad()
    return float(counter.get_total_flops()) / 2


def training_bytes(network: nn.Module, image_size: int) -> float:
    """Bytes that one image's activations move if every layer reads and writes memory by itself, and nothing is fused.

    Backward a layer reads its output's gradient and its input, and writes its input's gradient.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += 3 * inputs[0][0].numel() + 2 * output[0].numel()

    hooks = [module.register_forward_hook(count) for module in network.modules() if not any(module.children())]
    with torch.no_grad():
        network(torch.zeros(2, 3, image_size, image_size, device=next(network.parameters()).device))
    for hook in hooks:
        hook.remove()
    return float(BYTES_PER_VALUE * total)


def serving_artifacts(job: Job, folder: Path) -> dict[str, Artifact]:
    """The job's network in fp32 and in bf16 as a server loads it."""
    network, preprocess = job.network.cpu().eval(), Preprocess(job.settings.hyperparameters.image_size)
    names = [str(index) for index in range(len(job.splits["train"].class_names))]
    found = {}
    for precision, module in (("fp32", network), ("bf16", to_bf16(network))):
        path = folder / f"{precision}.pt"
        save_artifact(path, preprocess, module, names, {"precision": precision})
        found[precision] = load_artifact(path, str(job.group.device))
    return found


def serving_speed(artifact: Artifact, crops: Tensor, seconds: float) -> float:
    """Images per second from crops (n, 3, S, S) in the host's memory to logits there, one batch after the other."""
    device = artifact.preprocess.mean.device
    started, num_batches = time.perf_counter(), 0
    while num_batches == 0 or time.perf_counter() - started < seconds:
        artifact.logits_of_crops(crops.to(device)).cpu()
        num_batches += 1
    return num_batches * len(crops) / (time.perf_counter() - started)


def large_batch(job: Job, size: int) -> Batch:
    """A batch of that size out of the loader's first one, as often as it takes, where the loader would have put it."""
    first = next(batches(job.loaders["train"]))
    times = -(-size // len(first.labels))
    images, labels, indices = (
        torch.cat([tensor] * times)[:size] for tensor in (first.images, first.labels, first.indices)
    )
    batch = Batch(images, labels, indices)
    return batch.pin_memory() if job.group.device.type == "cuda" else batch


def measure(job: Job, rounds: int, steps: int, train_batch: int, serve_batches: list[int]) -> dict[str, Any]:
    device, image_size = job.group.device, job.settings.hyperparameters.image_size
    loader = cast(DataLoader[Any], job.loaders["train"])  # of images: no features are cached here
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "precision": str(job.trainer.precision).removeprefix("torch."),
        "peak_operations": peak_operations(device),
        "peak_bytes": peak_bytes(device),
        "operations": training_operations(job.network, image_size),
        "bytes": training_bytes(job.network, image_size),
        "loader_processes": loader.num_workers,
    }
    batch = large_batch(job, train_batch)
    training_speed(job, batch, 3)  # warms up: cuDNN looks for its fastest algorithms
    found["training"] = [training_speed(job, batch, steps) for _ in range(rounds)]
    found["loader"] = [loader_speed(loader) for _ in range(rounds)]
    found["serving"] = measure_serving(job, rounds, serve_batches)
    return found


def measure_serving(job: Job, rounds: int, serve_batches: list[int]) -> dict[str, dict[str, list[float]]]:
    """By precision and batch size the images per second of each round."""
    image_size = job.settings.hyperparameters.image_size
    with TemporaryDirectory() as folder:
        artifacts = serving_artifacts(job, Path(folder))
    speeds: dict[str, dict[str, list[float]]] = {name: {} for name in artifacts}
    for size in serve_batches:
        crops = torch.randint(0, 256, (size, image_size, image_size, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
        for number in range(rounds + 2):  # TorchScript looks at the first run and compiles in the second
            for name, artifact in artifacts.items():
                speed = serving_speed(artifact, crops, 0.5 if number >= 2 and job.group.device.type == "cuda" else 0)
                if number >= 2:
                    speeds[name].setdefault(str(size), []).append(speed)
    return speeds


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    print(json.dumps(measure(start_job(), given[0], given[1], given[2], given[3:])))
