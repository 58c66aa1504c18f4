import re
from xml.etree import ElementTree

import numpy as np
import pytest
from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.charts import Event, Line, bands, histogram, line_chart, stacked_bars
from container.debugger.report.frame import ticks
from tests.container.debugger.report.sample_run import HOSTILE


def parsed(drawing: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)  # noqa: S314 (our own drawing)


def line(count: int = 50, label: str = "loss") -> Line:
    return Line(label=label, x=np.arange(float(count)), y=np.linspace(2, 1, count), tone=1)


def test_a_line_runs_over_the_whole_width_and_stays_inside_the_plot() -> None:
    drawing = line_chart([line()], "loss", height=180)
    numbers = [float(part) for part in re.split("[ ,]", re.search(r'points="([^"]+)"', drawing)[1])]  # type: ignore[index]
    assert (min(numbers[::2]), max(numbers[::2])) == (0, 1000)
    assert min(numbers[1::2]) >= 0
    assert max(numbers[1::2]) <= 180


def test_events_are_numbered_and_say_what_they_are() -> None:
    drawing = line_chart(
        [line()], "loss", events=[Event(x=10, label="DeadRelu, step 10"), Event(x=99, label="outside")]
    )
    assert re.findall(r"<g class=\"event\"><title>([^<]+)", drawing) == ["DeadRelu, step 10"]
    assert 'x1="20.41%"' in drawing


def test_a_flat_line_and_one_of_one_point_are_drawn() -> None:
    flat = Line(label="flat", x=np.arange(3.0), y=np.ones(3), tone=1)
    single = Line(label="one", x=np.array([4.0]), y=np.array([0.0]), tone=2)
    for each in (flat, single):
        drawing = line_chart([each], "chart")
        assert parsed(drawing) is not None
        assert "nan" not in drawing


def test_values_that_are_no_numbers_leave_a_chart_that_can_be_read() -> None:
    broken = Line(label="loss", x=np.arange(4.0), y=np.array([1, np.nan, np.inf, 2]), tone=1)
    drawing = line_chart([broken], "chart")
    assert "nan" not in drawing
    assert "inf" not in drawing


def test_names_cannot_become_markup() -> None:
    drawings = [
        line_chart([line(label=HOSTILE)], HOSTILE, events=[Event(x=1, label=HOSTILE)]),
        stacked_bars([(HOSTILE, {HOSTILE: 1.0})], {HOSTILE: 1}, HOSTILE),
        histogram(np.arange(9.0), HOSTILE, kind=units.SECONDS, cut=7),
        bands(np.arange(2.0), np.zeros((2, 7)), HOSTILE),
    ]
    for drawing in drawings:
        assert "<script" not in drawing
        assert parsed(drawing) is not None


def test_a_histogram_counts_every_value_once_and_sets_the_far_ones_apart() -> None:
    values = np.concatenate([np.linspace(1, 2, 90), [50.0, 60.0]])
    counts = re.findall(r'class="(bar(?: far)?)".*?<title>([\d,]+) from (.+?) to (.+?)</title>', histogram(
        values, "steps", kind=units.SECONDS, cut=10.0
    ))  # fmt: skip
    assert sum(int(count) for _, count, _, _ in counts) == 92
    assert [entry[1:] for entry in counts if entry[0] == "bar far"] == [("2", "50 s", "60 s")]


def test_equal_values_are_one_bar() -> None:
    assert histogram(np.ones(5), "steps", kind=units.SECONDS, cut=1.0).count("<rect") == 1


def test_a_stacked_bar_fills_its_row_with_the_shares() -> None:
    drawing = stacked_bars([("TRAIN", {"Forward": 3.0, "Backward": 1.0})], {"Forward": 1, "Backward": 2}, "phases")
    assert [part.get("width") for part in parsed(drawing) if part.get("class") == "part"] == ["75.000%", "25.000%"]
    assert "Forward: 3 s, 75 %" in drawing


@pytest.mark.parametrize(("width", "bands_drawn"), [(7, 3), (3, 1)])
def test_percentiles_are_nested_bands_around_a_line(width: int, bands_drawn: int) -> None:
    rows = np.sort(np.random.default_rng(0).random((6, width)), axis=1)
    drawing = bands(np.arange(6.0), rows, "weights")
    assert drawing.count("<polygon") == bands_drawn
    assert drawing.count("<polyline") == 1


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.1, 0.9), (-5e-7, 3e-6), (1e8, 1.5e8), (3, 3)])
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high, 5)
    assert 1 <= len(found) <= 7
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)


def test_ticks_of_time_are_whole_minutes_or_hours() -> None:
    assert ticks(0, 36_000, 5, units.ELAPSED) == [0, 7200, 14400, 21600, 28800, 36000]
    assert ticks(0, 600, 5, units.ELAPSED) == [0, 120, 240, 360, 480, 600]
