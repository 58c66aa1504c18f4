import numpy as np

from container.debugger.report.thin import coarse_to_fine, evenly, moving_average, thin


def test_a_long_series_keeps_its_single_peak_and_dip() -> None:
    y = np.zeros(100_000)
    y[61_803], y[31_415] = 9, -4
    x, y = thin(np.arange(100_000.0), y, columns=200)
    assert len(x) <= 400
    assert (y.max(), y.min()) == (9, -4)
    assert x[y.argmax()] == 61_803
    assert (np.diff(x) > 0).all()


def test_a_short_series_stays_as_it_is_without_what_is_no_number() -> None:
    x, y = thin(np.arange(4.0), np.array([1, np.nan, np.inf, 4]))
    assert (x.tolist(), y.tolist()) == ([0, 3], [1, 4])


def test_an_even_choice_holds_both_ends() -> None:
    assert evenly(10, 4) == [0, 3, 6, 9]
    assert evenly(3, 10) == [0, 1, 2]
    assert evenly(0, 5) == []


def test_a_moving_average_of_a_slope_is_the_slope() -> None:
    assert moving_average(np.arange(10.0), 3)[1:-1].tolist() == list(range(1, 9))


def test_coarse_to_fine_covers_the_whole_wherever_it_stops() -> None:
    order = coarse_to_fine(list(range(20)))
    assert sorted(order) == list(range(20))
    assert order[:2] == [0, 19]
    assert max(np.diff(sorted(order[:6]))) <= 9
