"""How fast and how accurate artifacts are, side by side on this machine."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from container.data.channels import Channel
from container.data.dataset import random_seed
from container.data.decode import decode_image
from container.errors import ImageError
from container.model.artifact import Artifact, stack

BATCH_SIZES = (1, 8)  # a lone request, and a server's full batch
ROUNDS = 5
CALLS = 2  # of each artifact in each round
WARM_UP_CALLS = 2  # TorchScript looks at the first run and compiles in the second
IMAGES_PER_BATCH = 8  # held in memory at a time, decoded


@dataclass(frozen=True)
class Score:
    """How many of the same images each artifact names rightly."""

    hits: dict[str, int]
    num_images: int

    def accuracy(self, name: str) -> float:
        return self.hits[name] / max(self.num_images, 1)


def sample(channel: Channel, count: int, seed: int) -> list[int]:
    """Positions of `count` images of a channel, or of all of them if it has no more, in an order drawn with the seed.

    Not sorted: whoever stops before the end has seen images of all classes.
    """
    generator = torch.Generator().manual_seed(random_seed(seed, f"variants {channel.name}", 0, 0))
    drawn: list[int] = torch.randperm(len(channel), generator=generator)[:count].tolist()
    return drawn


def images(channel: Channel, positions: list[int], side: int) -> Iterator[tuple[list[Tensor], Tensor]]:
    """Batches of images, each uint8 (3, H, W), with their labels (n,). Raises ImageError that names the file."""
    for start in range(0, len(positions), IMAGES_PER_BATCH):
        chosen = positions[start : start + IMAGES_PER_BATCH]
        decoded = [_decode(channel.files[position], side) for position in chosen]
        yield decoded, torch.tensor([channel.labels[position] for position in chosen])


def _decode(path: Path, side: int) -> Tensor:
    try:
        return decode_image(path.read_bytes(), side=side)
    except ImageError as error:  # it was an image when the job began
        raise ImageError(error.code, f"{path}: {error}") from error


def measure_accuracy(
    artifacts: dict[str, Artifact], batches: Iterator[tuple[list[Tensor], Tensor]], go_on: Callable[[], bool]
) -> Score:
    """Top-1 hits of each artifact on the same crops, made as a server makes them; ends early if not `go_on()`."""
    hits, num_images = dict.fromkeys(artifacts, 0), 0
    for decoded, labels in batches:
        crops = stack([next(iter(artifacts.values())).crop(image) for image in decoded])
        for name, artifact in artifacts.items():
            hits[name] += int((artifact.logits_of_crops(crops).argmax(1) == labels).sum())
        num_images += len(labels)
        if not go_on():
            break
    return Score(hits, num_images)


def measure_speed(
    artifacts: dict[str, Artifact], image_size: int, go_on: Callable[[], bool]
) -> dict[str, dict[str, float]]:
    """How many times as fast as `fp32` each artifact is, by batch size: {"int8": {"1": 4.2, "8": 3.7}}.

    One thread, as in a server under load; median of rounds in which the artifacts take turns, of which there are
    fewer if not `go_on()`. One that is slower for a lone image is not measured further.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ratios: dict[str, dict[str, float]] = {name: {} for name in artifacts if name != "fp32"}
    try:
        for batch_size in BATCH_SIZES:
            running = {name: artifacts[name] for name, so_far in ratios.items() if min(so_far.values(), default=1) >= 1}
            crops = torch.randint(0, 256, (batch_size, image_size, image_size, 3), dtype=torch.uint8)
            rounds = _seconds_in_turns({"fp32": artifacts["fp32"], **running}, crops.permute(0, 3, 1, 2), go_on)
            for name in running:
                ratio = statistics.median(seconds["fp32"] / seconds[name] for seconds in rounds)
                ratios[name][str(batch_size)] = round(ratio, 3)
    finally:
        torch.set_num_threads(threads)
    return ratios


def _seconds_in_turns(
    artifacts: dict[str, Artifact], crops: Tensor, go_on: Callable[[], bool]
) -> list[dict[str, float]]:
    for artifact in artifacts.values():
        for _ in range(WARM_UP_CALLS):
            artifact.logits_of_crops(crops)
    rounds: list[dict[str, float]] = []
    while len(rounds) < ROUNDS and (go_on() or not rounds):
        rounds.append({name: _seconds(artifact, crops) for name, artifact in artifacts.items()})
    return rounds


def _seconds(artifact: Artifact, crops: Tensor) -> float:
    # Of this thread's own work: what else the machine does meanwhile takes time from one artifact and not the other.
    started = time.thread_time()
    for _ in range(CALLS):
        artifact.logits_of_crops(crops)
    return time.thread_time() - started
