"""The charts, as far as a program can look at them."""

from pathlib import Path

import numpy as np
from PIL import Image

from bench.figure import draw
from bench.record import Record, compare


def serving_records(peer: str) -> list[Record]:
    names = [f"{kind} at concurrency {number}" for kind in ("requests", "latency p50") for number in (1, 4)]
    return [compare(name, "unit", "higher", [3, 4, 5], peer, [1, 2, 3]) for name in names]


def test_a_chart_with_a_panel_per_quantity_is_written(tmp_path: Path) -> None:
    records = serving_records("plain") + serving_records("plain, one thread")
    panels = {"Throughput": records[:2] + records[4:6], "Latency": records[2:4] + records[6:]}
    draw("Serving", panels, tmp_path / "serving.png")
    with Image.open(tmp_path / "serving.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    colours = {tuple(pixel) for pixel in pixels[::7].tolist()}
    assert {(31, 119, 180), (176, 176, 176), (217, 164, 65)} <= colours  # this project and both peers
