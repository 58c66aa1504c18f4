"""Rounds become records: every quantity, of each side beside each peer."""

import json

import pytest

from bench import serving_records
from bench.record import Record
from bench.serving_records import compare_rounds, compare_with_floor, rows
from tests.bench.serving_rounds import make_round


def by_name(records: list[Record]) -> dict[str, Record]:
    return {record.name: record for record in records}


def test_every_load_of_the_issue_is_a_record() -> None:
    names = [name for name, *_ in rows()]
    assert len(names) == len(set(names))
    for number in (1, 4, 16, 64):
        assert {f"{kind} at concurrency {number}" for kind in ("requests", "latency p50", "latency p95")} <= set(names)
    for number in (1, 16):
        assert f"latency p99 at concurrency {number}, 3000x2000" in names
    for rate in (10, 25):
        assert f"latency p99 at {rate} arrivals/s" in names


def test_a_record_is_the_median_of_the_rounds_of_both_sides() -> None:
    ours = [make_round(speed) for speed in (90, 120, 100)]
    theirs = [make_round(speed) for speed in (20, 30, 25)]
    record = by_name(compare_rounds("this project, int8", ours, "plain", theirs))["requests at concurrency 16"]
    assert (record.value, record.min, record.max, record.peer_value, record.ratio) == (100, 90, 120, 25, 4)
    assert (record.side, record.peer, record.rounds) == ("this project, int8", "plain", 3)


def test_less_memory_is_better() -> None:
    records = by_name(compare_rounds("ours", [make_round(memory_mib=500)], "plain", [make_round(memory_mib=1500)]))
    assert records["peak memory under load"].ratio == 3


def test_errors_and_the_answer_to_a_broken_image_are_told_without_a_ratio() -> None:
    ours, theirs = [make_round()], [make_round(num_errors=7, status=500)]
    records = by_name(compare_rounds("ours", ours, "plain", theirs))
    assert (records["failed requests"].value, records["failed requests"].peer_value) == (0, 7)
    broken = records["answer to a broken image"]
    assert (broken.value, broken.peer_value, broken.ratio) == (400, 500, None)


def test_the_floor_is_that_of_the_precision_and_of_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_records, "available_cores", lambda: 2)
    peaks = {"fp32": {"2": 200e9}, "int8": {"2": 800e9}}
    text = json.dumps({"operations": 4e9, "peak_per_second": peaks})
    monkeypatch.setattr(serving_records, "run_module", lambda *_: text)
    records = compare_with_floor({"this project, int8": ("int8", [make_round(100)])})
    latency, speed = records
    assert latency.peer == "floor: 4.00 G operations per image at 800 G/s in int8, 2 thread(s)"
    assert latency.peer_value == 5  # ms
    assert latency.ratio == pytest.approx(5 / 20)
    assert (speed.peer_value, speed.ratio) == (200, 0.5)
    assert {record.side for record in records} == {"this project, int8"}
