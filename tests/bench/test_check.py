"""What counts as slower than the results, and what does not."""

from dataclasses import replace

import pytest

from bench.check import TAIL_TOLERANCE, TOLERANCE, compare_ratios, report
from bench.errors import BenchError
from bench.record import Record, compare, left_out_record


def record(ratio: float, name: str = "requests at concurrency 1", peer: str = "plain", side: str = "ours") -> Record:
    return compare(name, "requests/s", "higher", [ratio * 10], peer, [10], side=side)


def test_a_ratio_that_fell_by_more_than_is_tolerated_is_found() -> None:
    comparison = compare_ratios([record(4.0)], [record(4.0 * (1 - TOLERANCE) - 0.01)])
    (fall,) = comparison.fallen
    assert fall.key == ("ours", "requests at concurrency 1", "plain")
    assert (fall.before, fall.now) == (4.0, 2.99)


@pytest.mark.parametrize("now", [4.0 * (1 - TOLERANCE) + 0.01, 4.0, 9.0])
def test_a_ratio_that_scatters_or_rose_is_fine(now: float) -> None:
    assert compare_ratios([record(4.0)], [record(now)]).fallen == []


def test_times_that_doubled_on_both_sides_are_fine() -> None:
    before = compare("latency p50", "ms", "lower", [10], "plain", [40])
    now = compare("latency p50", "ms", "lower", [20], "plain", [80])
    assert compare_ratios([before], [now]).fallen == []


def test_a_tail_may_scatter_more() -> None:
    name = "latency p99 at concurrency 4"
    assert compare_ratios([record(4.0, name)], [record(2.5, name)]).fallen == []
    assert compare_ratios([record(4.0, name)], [record(4.0 * (1 - TAIL_TOLERANCE) - 0.01, name)]).fallen


def test_a_ratio_to_a_peer_that_scattered_in_the_results_may_fall_as_far() -> None:
    before = compare("requests", "requests/s", "higher", [90, 89, 88], "threads that fight", [4, 3, 25])
    now = compare("requests", "requests/s", "higher", [89], "threads that fight", [24])
    slower = compare("requests", "requests/s", "higher", [60], "threads that fight", [24])
    assert compare_ratios([before], [now]).fallen == []  # 22.25x -> 3.7x
    assert len(compare_ratios([before], [slower]).fallen) == 1


def test_each_of_our_sides_is_compared_with_itself() -> None:
    before = [record(4.0, side="int8"), record(2.0, side="fp32")]
    (fall,) = compare_ratios(before, [record(4.0, side="int8"), record(1.0, side="fp32")]).fallen
    assert fall.key[0] == "fp32"


def test_a_floor_is_the_same_on_a_day_when_the_machine_is_slower() -> None:
    before = record(0.5, peer="floor: 3.63 G operations per image at 118 G/s in fp32, 1 thread(s)")
    now = record(0.2, peer="floor: 3.63 G operations per image at 97 G/s in fp32, 1 thread(s)")
    assert len(compare_ratios([before], [now]).fallen) == 1


def test_a_peer_that_was_not_measured_is_told_and_is_no_fall() -> None:
    comparison = compare_ratios(
        [record(4.0), record(3.0, peer="TorchServe")], [record(4.0), left_out_record("TorchServe", "no Java")]
    )
    assert comparison.fallen == []
    assert "Not measured this time: 1 ratios, of TorchServe." in report(comparison)


def test_a_quantity_without_a_ratio_is_not_compared() -> None:
    failed = replace(record(4.0, "failed requests"), ratio=None)
    assert compare_ratios([failed, record(4.0)], [failed, record(4.0)]).num_compared == 1


def test_nothing_in_common_is_an_error() -> None:
    with pytest.raises(BenchError, match="Nothing can be compared"):
        compare_ratios([record(4.0)], [record(4.0, peer="another")])


def test_the_report_shows_what_fell_from_where_to_where() -> None:
    text = report(compare_ratios([record(4.0)], [record(2.0)]))
    assert "1 ratios compared; 1 fell" in text
    assert "4.00x -> 2.00x  ours | requests at concurrency 1 | plain" in text
