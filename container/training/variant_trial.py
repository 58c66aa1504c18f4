"""How fast and how accurate artifacts are, side by side on this machine."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from container.data.channels import Channel
from container.data.dataset import random_seed
from container.data.decode import decode_image
from container.model.artifact import Artifact

BATCH_SIZES = (1, 8)  # a lone request, and a server's full batch
ROUNDS = 5
CALLS = 2  # of each artifact in each round
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
    """Batches of images, each uint8 (3, H, W), with their labels (n,)."""
    for start in range(0, len(positions), IMAGES_PER_BATCH):
        chosen = positions[start : start + IMAGES_PER_BATCH]
        decoded = [decode_image(channel.files[position].read_bytes(), side=side) for position in chosen]
        yield decoded, torch.tensor([channel.labels[position] for position in chosen])


def measure_accuracy(
    artifacts: dict[str, Artifact], batches: Iterator[tuple[list[Tensor], Tensor]], go_on: Callable[[], bool]
) -> Score:
    """Top-1 hits of each artifact on the same images, by the way that a server takes; ends early if not `go_on()`."""
    hits, num_images = dict.fromkeys(artifacts, 0), 0
    for decoded, labels in batches:
        for name, artifact in artifacts.items():
            hits[name] += int((artifact.logits(decoded).argmax(1) == labels).sum())
        num_images += len(labels)
        if not go_on():
            break
    return Score(hits, num_images)


def measure_speed(
    artifacts: dict[str, Artifact], image_size: int, go_on: Callable[[], bool]
) -> dict[str, dict[str, float]]:
    """How many times as fast as `fp32` each artifact is, by batch size: {"int8": {"1": 4.2, "8": 3.7}}.

    One thread, as in a server under load; median of rounds in which the artifacts take turns, of which there are
    fewer if not `go_on()`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ratios: dict[str, dict[str, float]] = {name: {} for name in artifacts if name != "fp32"}
    try:
        for batch_size in BATCH_SIZES:
            crops = torch.randint(0, 256, (batch_size, 3, image_size, image_size), dtype=torch.uint8)
            rounds = _seconds_in_turns(artifacts, crops, go_on)
            for name, by_batch_size in ratios.items():
                ratio = statistics.median(seconds["fp32"] / seconds[name] for seconds in rounds)
                by_batch_size[str(batch_size)] = round(ratio, 3)
    finally:
        torch.set_num_threads(threads)
    return ratios


def _seconds_in_turns(
    artifacts: dict[str, Artifact], crops: Tensor, go_on: Callable[[], bool]
) -> list[dict[str, float]]:
    for artifact in artifacts.values():
        for _ in range(2):  # TorchScript looks at the first run and compiles in the second
            artifact.logits_of_crops(crops)
    rounds: list[dict[str, float]] = []
    while len(rounds) < ROUNDS and (go_on() or not rounds):
        rounds.append({name: _seconds(artifact, crops) for name, artifact in artifacts.items()})
    return rounds


def _seconds(artifact: Artifact, crops: Tensor) -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        artifact.logits_of_crops(crops)
    return time.perf_counter() - started
