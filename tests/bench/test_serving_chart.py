"""The chart of serving, as far as a program can look at it."""

from pathlib import Path

import numpy as np
from PIL import Image

from bench.record import compare, left_out_record
from bench.serving_chart import OUR_COLOURS, PEER_COLOURS, draw_serving, values_of
from bench.serving_records import compare_rounds
from tests.bench.serving_rounds import make_round


def test_every_server_is_drawn_in_its_colour(tmp_path: Path) -> None:
    records = [
        record
        for side, speed in (("this project, fp32", 60), ("this project, int8", 120))
        for peer in ("plain", "TorchServe")
        for record in compare_rounds(side, [make_round(speed)], peer, [make_round()])
    ]
    floor = compare("latency p50 at concurrency 1, to the floor", "ms", "lower", [3], "floor: 4 G operations", [9])
    draw_serving("Serving", [*records, floor, left_out_record("Ray", "no network")], tmp_path / "serving.png")
    with Image.open(tmp_path / "serving.png") as image:
        colours = set(map(tuple, np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()))
    expected = [*OUR_COLOURS[:2], *PEER_COLOURS[:2]]
    assert {tuple(bytes.fromhex(colour[1:])) for colour in expected} <= colours


def test_the_values_of_a_quantity_are_those_of_our_sides_and_then_the_peers() -> None:
    records = compare_rounds("ours", [make_round(120)], "plain", [make_round(40), make_round(20), make_round(30)])
    values = values_of("requests at concurrency 4", records)
    assert list(values.items()) == [("ours", (120, 120, 120)), ("plain", (30, 20, 40))]
