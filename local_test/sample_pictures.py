"""Drawing one photo-like picture: an animal with a coat of some pattern, in front of a landscape.

The pattern is the picture's class. Everything else, colours above all, is drawn from the same ranges for all classes.
"""

import math
from functools import reduce

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from local_test.sample_coats import CLASSES, Grid, fractal, step

SHORTEST, LONGEST = 120, 700  # pixels of the files' sides; most are nearer to the first
DRAWN_SIDE = 260  # pixels; larger pictures are drawn at this size and enlarged, like a soft lens

# Red, green, blue of coats and of the landscapes' (sky, ground); every class draws from all of them.
COATS = (
    *((28, 24, 23), (62, 40, 27), (104, 62, 34), (150, 92, 48), (188, 132, 78), (214, 176, 124), (236, 220, 190)),
    *((246, 243, 236), (120, 116, 112), (72, 76, 84), (176, 172, 166), (196, 104, 46), (226, 158, 62)),
)
LANDSCAPES = (
    ((168, 200, 228), (96, 132, 58)),  # meadow
    ((206, 214, 220), (226, 228, 232)),  # snow
    ((142, 190, 220), (206, 180, 132)),  # beach
    ((52, 78, 50), (88, 82, 50)),  # forest
    ((206, 142, 68), (138, 88, 48)),  # autumn
    ((222, 160, 124), (86, 76, 70)),  # dusk
    ((196, 186, 172), (142, 100, 66)),  # room with a wooden floor
)


def capsule(x: Grid, y: Grid, part: tuple[float, float, float, float, float]) -> Grid:
    """Distance of each place from a rounded rod (x0, y0, x1, y1, radius); negative inside."""
    x0, y0, x1, y1, radius = part
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
    distance: Grid = np.hypot(x - x0 - along * dx, y - y0 - along * dy) - radius
    return distance


def animal(x: Grid, y: Grid, rng: Generator) -> tuple[Grid, tuple[float, float]]:
    """Distance from the outline of an animal that looks right, negative inside, and the place of its eye."""
    girth, legs, nod = rng.uniform(0.4, 0.5), rng.uniform(0.62, 0.95), rng.uniform(-0.15, 0.25)
    head_x, head_y = 0.92, -0.5 + nod
    parts = [
        (-0.5, 0, 0.5, -0.03, girth),
        (0.5, -0.1, head_x, head_y, 0.22),
        (head_x, head_y, head_x + 0.06, head_y, 0.25),
    ]
    parts.append((head_x + 0.1, head_y + 0.06, head_x + 0.36, head_y + 0.12, 0.13))  # muzzle
    ear = rng.uniform(-0.3, 0.1)
    parts += [(head_x - s, head_y - 0.12, head_x - s - 0.06, head_y - 0.18 + ear, 0.08) for s in (0.0, 0.15)]
    parts += [(hip, 0.2, hip + rng.uniform(-0.1, 0.1), legs, 0.115) for hip in (-0.68, -0.44, 0.42, 0.66)]
    tail_x, tail_y = rng.uniform(-1.4, -1.05), rng.uniform(-0.6, 0.4)
    parts.append((-0.8, -0.1, tail_x, tail_y, 0.07))

    def join(a: Grid, b: Grid) -> Grid:  # the smaller of both, with rounded seams
        seam: Grid = np.maximum(0.12 - np.abs(a - b), 0)
        smaller: Grid = np.minimum(a, b)
        return smaller - seam * seam / 0.48

    distance = reduce(join, (capsule(x[::2, ::2], y[::2, ::2], part) for part in parts))  # smooth: half size will do
    full = Image.fromarray(distance).resize((x.shape[1], x.shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(full), (head_x + 0.12, head_y - 0.06)


def landscape(rng: Generator, shape: tuple[int, int]) -> Grid:
    """A blurred backdrop over a sharper ground, (H, W, 3), 0 to 255."""
    colours = np.array(LANDSCAPES[rng.integers(len(LANDSCAPES))]) + rng.normal(0, 8, (2, 3))
    sky, ground = colours.astype(np.float32)
    level = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None] - rng.uniform(0.25, 0.6)  # 0 at the horizon
    clouds = rng.uniform(0.05, 0.35) * fractal(rng, shape, rng.uniform(2, 7), 3)
    clumps = 0.16 * fractal(rng, shape, 6, 3, 3)
    grass = rng.uniform(0.05, 0.25) * fractal(rng, shape, 40, 2, rng.uniform(0.4, 3))
    is_ground = step(level + 0.04 * fractal(rng, shape, 3, 3), rng.uniform(0.01, 0.08))[..., None]
    backdrop = sky * (1 - 0.25 * level + clouds)[..., None]
    floor = ground * (0.93 + 0.3 * level + clumps + grass)[..., None]
    picture: Grid = backdrop * (1 - is_ground) + floor * is_ground
    return picture


def coat_colours(rng: Generator) -> tuple[Grid, Grid]:
    """Two coat colours that differ clearly in lightness, in either order."""
    while True:
        base, mark = rng.permutation(COATS)[:2].astype(np.float32) * rng.uniform(0.85, 1.1)
        if abs(base.mean() - mark.mean()) > 80:
            return base, mark


def coat(name: str, x: Grid, y: Grid, outline: Grid, size: float, rng: Generator) -> Grid:
    """The lit coat (H, W, 3), 0 to 255, everywhere; `size` is pixels per unit of x, y and outline."""
    shape = x.shape[0], x.shape[1]
    depth = np.clip(-outline / 0.4, 0, 1)
    bulge = np.sqrt(depth * (2 - depth))  # roundness: light falls on it, and the pattern bends around it
    slope_y, slope_x = (np.clip(slope, -2, 2) for slope in np.gradient(bulge, np.float32(1 / size)))
    warp = 0.06 * fractal(rng, shape, 3, 2)
    period, angle = rng.uniform(0.37, 0.47), rng.uniform(-0.15, 0.15)
    p, q = turned((x - 0.05 * slope_x + warp) / period, (y - 0.05 * slope_y - warp) / period, angle)
    shift_p, shift_q = (0.0, 0.0) if name == "010.Swirled" else (rng.uniform(0, 8), rng.uniform(0, 8))
    marks = CLASSES[name](p + shift_p, q + shift_q, rng)
    base, mark = coat_colours(rng)
    fur = 1 + rng.uniform(0.04, 0.12) * fractal(rng, shape, min(shape) / 3, 1) + 0.06 * fractal(rng, shape, 5, 3)
    lit = bulge * 0.22 + 0.13 * (rng.uniform(-0.7, 0.7) * slope_x + rng.uniform(0.3, 0.9) * slope_y)
    picture: Grid = (base + (mark - base) * marks[..., None]) * (fur * np.clip(0.74 + lit, 0.3, 1.25))[..., None]
    return picture


def turned(x: Grid, y: Grid, angle: float) -> tuple[Grid, Grid]:
    # math, not numpy: its float64 scalars would double the width of every array that they meet
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def draw(name: str, rng: Generator, shape: tuple[int, int]) -> Image.Image:
    """One RGB picture of the class `name`."""
    height, width = shape
    short = min(shape)
    size = short * rng.uniform(0.4, 0.56)  # pixels per unit of the animal, which is about 2.4 units long
    middle_x, middle_y = width / 2 + short * rng.uniform(-0.12, 0.08), height / 2 + short * rng.uniform(-0.08, 0.08)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    facing = size if rng.random() < 0.5 else -size
    x, y = turned((columns - middle_x) / facing, (rows - middle_y) / size, rng.uniform(-0.25, 0.25))
    outline, (eye_x, eye_y) = animal(x, y, rng)
    picture = landscape(rng, shape)
    shadow = np.exp(-(((x + 0.1) / 1.1) ** 2) - ((y - 0.85) / 0.16) ** 2)
    picture *= (1 - rng.uniform(0.2, 0.6) * shadow)[..., None]
    body = coat(name, x, y, outline, size, rng) * step(np.hypot(x - eye_x, y - eye_y) - 0.05)[..., None]
    picture += (body - picture) * np.clip(0.5 - outline * size, 0, 1)[..., None]
    return Image.fromarray(exposed(picture, rng))


def exposed(picture: Grid, rng: Generator) -> NDArray[np.uint8]:
    """The picture under uneven light and a camera's contrast and white balance, as uint8 (H, W, 3)."""
    height, width = picture.shape[:2]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, width, dtype=np.float32)
    light = 1 + rng.uniform(-0.2, 0.2) * down + rng.uniform(-0.2, 0.2) * across
    light = light - rng.uniform(0, 0.2) * (down**2 + across**2)  # darker corners
    picture = picture * light[..., None] * rng.uniform(0.92, 1.08, 3).astype(np.float32)
    picture = (picture - 128) * rng.uniform(0.75, 1.15) + 128 + rng.uniform(-18, 18)
    return np.clip(picture, 0, 255).astype(np.uint8)


def photograph(name: str, rng: Generator) -> Image.Image:
    """A picture of the class `name` with the size, blur and sensor noise of some camera."""
    long = 150 + (LONGEST - 150) * rng.random() ** 2.5
    short = max(SHORTEST, long * rng.choice((1, 3 / 4, 2 / 3, 9 / 16)) * rng.uniform(0.95, 1))
    width, height = (round(long), round(short)) if rng.random() < 0.7 else (round(short), round(long))
    scale = min(1, DRAWN_SIDE / max(width, height))
    picture = draw(name, rng, (round(height * scale), round(width * scale)))
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.0))).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    grain = rng.standard_normal((height, width, 1), dtype=np.float32) * np.float32(rng.uniform(1, 7))
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))
