"""The chart of goals, as far as a program can look at it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.reliability.chart import COLOURS, MOST, draw_goals, share_of_limit
from bench.reliability.goals import at_least, at_most, without_goal


def test_met_and_missed_goals_have_their_colours(tmp_path: Path) -> None:
    records = [at_most("a", "b", "ms", 10, 100), at_most("a", "c", "", 3, 0), without_goal("a", "d", "", 4)]
    draw_goals("Faults", records, tmp_path / "goals.png")
    with Image.open(tmp_path / "goals.png") as image:
        seen = set(map(tuple, np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()))
    assert {tuple(bytes.fromhex(colour[1:])) for colour in COLOURS.values()} <= seen


def test_a_bar_is_the_share_of_the_limit_that_is_used() -> None:
    assert share_of_limit(at_most("a", "b", "ms", 10, 100)) == pytest.approx(0.1)
    assert share_of_limit(at_least("a", "b", "%", 100, 50)) == pytest.approx(0.5)
    assert share_of_limit(at_most("a", "b", "", 3, 0)) == MOST
