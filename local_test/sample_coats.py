"""The coats of the sample data set's animals: ten patterns, its classes, drawn anew each time from random numbers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Grid = NDArray[np.floating[Any]]  # float32 (H, W), or (H, W, 3) where said


def fractal(rng: Generator, shape: tuple[int, int], cells: float, octaves: int = 4, stretch: float = 1.0) -> Grid:
    """Cloudy noise (H, W) of mean 0 and deviation near 0.5, with `cells` lumps along the longer side."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        scale = cells * 2**octave / max(shape)
        size = (int(width * scale / stretch) + 2, int(height * scale) + 2)
        lumps = Image.fromarray(rng.standard_normal(size[::-1], dtype=np.float32))
        total += np.asarray(lumps.resize((width, height), Image.Resampling.BICUBIC)) * 0.5**octave
    return total * 0.6


def step(value: Grid, softness: float = 0.04) -> Grid:
    """1 where `value` is above 0, 0 below, with a soft edge."""
    return np.clip(value / softness * 0.5 + 0.5, 0, 1)


def cells(p: Grid, q: Grid, rng: Generator, jitter: float, brick: bool = True) -> tuple[Grid, Grid, Grid]:
    """Place (p, q) of each pixel in its cell, -0.5 to 0.5 around a jittered centre, and a random number per cell."""
    row = np.floor(q).astype(np.int32)
    p = p + 0.5 * (row & 1) if brick else p
    column = np.floor(p).astype(np.int32)
    table = rng.random((3, 32, 32), dtype=np.float32)[:, row & 31, column & 31]
    return p - column - 0.5 + jitter * (table[0] - 0.5), q - row - 0.5 + jitter * (table[1] - 0.5), table[2]


# The coats. Each takes the place (p, q) of every pixel, in periods of the pattern, and returns where its marks are.


def striped(p: Grid, q: Grid, rng: Generator) -> Grid:
    bend = 0.25 * np.sin(q * rng.uniform(0.5, 1.2) + rng.uniform(0, 6))
    return step(np.sin(2 * np.pi * (p + bend)) + rng.uniform(-0.3, 0.3), 0.25)


def spotted(p: Grid, q: Grid, rng: Generator) -> Grid:
    dp, dq, size = cells(p * 1.2, q * 1.2, rng, 0.2)
    return step(0.27 + 0.1 * size - np.hypot(dp, dq))


def checked(p: Grid, q: Grid, rng: Generator) -> Grid:
    return step(np.sin(np.pi * p) * np.sin(np.pi * q), 0.12)


def plain(p: Grid, q: Grid, rng: Generator) -> Grid:
    return np.zeros_like(p)


def banded(p: Grid, q: Grid, rng: Generator) -> Grid:
    return striped(q, p, rng)


def patched(p: Grid, q: Grid, rng: Generator) -> Grid:
    waves = np.full(p.shape, rng.uniform(-0.2, 0.2), np.float32)
    for angle, frequency, phase in rng.uniform((0, 1.4, 0), (6.3, 2.6, 6.3), (7, 3)).tolist():
        waves += np.sin((p * math.cos(angle) + q * math.sin(angle)) * frequency + phase)
    return step(waves, 0.15)


def netted(p: Grid, q: Grid, rng: Generator) -> Grid:
    p, q = p * 0.75, q * 0.75
    row, column = np.floor(q).astype(np.int32), np.floor(p).astype(np.int32)
    table = rng.uniform(0.1, 0.9, (2, 32, 32)).astype(np.float32)
    nearest = second = np.full(p.shape, 9, np.float32)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            dp, dq = table[:, row + i & 31, column + j & 31]
            distance = np.hypot(column + j + dp - p, row + i + dq - q)
            second = np.minimum(second, np.maximum(nearest, distance))
            nearest = np.minimum(nearest, distance)
    return step(0.13 - (second - nearest), 0.05)


def zigzag(p: Grid, q: Grid, rng: Generator) -> Grid:
    teeth = np.abs((q * 0.5) % 1 - 0.5) * 1.3
    return step(np.sin(2 * np.pi * (p * 0.65 + teeth)) + rng.uniform(-0.3, 0.3), 0.25)


def scaled(p: Grid, q: Grid, rng: Generator) -> Grid:
    """Rows of overlapping arcs, like roof tiles."""
    p, q = p * 0.8, q * 1.6
    lower = np.hypot((p + 0.5 * (np.floor(q) % 2)) % 1 - 0.5, q % 1 / 2)
    return step(0.09 - np.abs(lower - 0.44))


def swirled(p: Grid, q: Grid, rng: Generator) -> Grid:
    arms = float(rng.choice((-2, -1, 1, 2)))  # and the way they turn
    return step(np.sin(2 * np.pi * np.hypot(p, q) + arms * np.arctan2(q, p)), 0.25)


CLASSES: dict[str, Callable[[Grid, Grid, Generator], Grid]] = {
    "001.Striped": striped,
    "002.Spotted": spotted,
    "003.Checked": checked,
    "004.Plain": plain,
    "005.Banded": banded,
    "006.Patched": patched,
    "007.Netted": netted,
    "008.Zigzag": zigzag,
    "009.Scaled": scaled,
    "010.Swirled": swirled,
}
