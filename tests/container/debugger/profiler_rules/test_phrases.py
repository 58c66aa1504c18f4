import numpy as np
import pytest

from container.debugger.profiler_rules.phrases import box, duration, histogram, percent, quantiles


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 ms"), (0.0125, "12.5 ms"), (1.0, "1 s"), (90, "90 s"), (600, "10 min"), (7200, "2 h"), (1e6, "278 h")],
)
def test_durations_have_the_unit_that_fits(seconds, text) -> None:
    assert duration(seconds) == text


def test_a_share_is_said_in_percent() -> None:
    assert percent(0.614) == "61 %"


def test_statistics_are_plain_numbers() -> None:
    values = np.arange(101.0)
    assert quantiles(values) == {"max": 100, "p99": 99, "p95": 95, "p50": 50, "min": 0}
    numbers = box(np.concatenate([values, [1000.0]]))
    assert numbers["max"] == 1000
    assert numbers["upper"] < 200
    assert all(type(number) is float for number in numbers.values())
    shares = histogram(values, bins=4)
    assert sum(shares["probs"]) == pytest.approx(1)
    assert shares["binedges"] == [0, 25, 50, 75, 100]
