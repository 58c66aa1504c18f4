import numpy as np
import pytest

from container.debugger.profiler_rules.overlap import covered_share

NOW = 1_700_000_000.0


def test_each_stretch_has_the_share_that_events_cover() -> None:
    starts, seconds = NOW + np.array([0.1, 0.9, 2.0]), np.array([0.2, 0.2, 0.5])
    share = covered_share(starts, seconds, NOW + np.array([0.5, 1.0, 1.5, 2.0, 2.5]))
    assert share == pytest.approx([0.4, 0.2, 0.2, 0.0, 1.0], abs=1e-5)


def test_events_side_by_side_count_each() -> None:
    share = covered_share(np.array([NOW, NOW]), np.array([1.0, 1.0]), NOW + np.array([1.0, 2.0]))
    assert share == pytest.approx([2.0, 0.0], abs=1e-5)


def test_a_million_events_lose_no_digits() -> None:
    starts = NOW + np.arange(1_000_000) * 0.03
    share = covered_share(starts, np.full(1_000_000, 0.01), NOW + np.arange(1, 60_000) * 0.5)
    assert share.min() > 0.3
    assert share.max() < 0.36


def test_nothing_is_covered_without_events() -> None:
    assert covered_share(np.zeros(0), np.zeros(0), np.array([NOW])).tolist() == [0]
