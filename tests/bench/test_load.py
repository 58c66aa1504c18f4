"""What is read from the load generator's output, and what is refused."""

import pytest

from bench.errors import BenchError
from bench.load import read_csv

# Recorded from `hey -n 8 -c 4 -o csv`.
RECORDED = """response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset
0.0062,0.0051,0.0039,0.0002,0.0007,0.0001,200,0.0007
0.0083,0.0056,0.0047,0.0002,0.0016,0.0007,200,0.0001
0.0081,0.0049,0.0042,0.0002,0.0030,0.0001,200,0.0008
0.0088,0.0058,0.0057,0.0002,0.0026,0.0001,200,0.0009
0.0042,0.0002,0.0000,0.0000,0.0039,0.0001,200,0.0068
0.0028,0.0001,0.0000,0.0000,0.0027,0.0000,200,0.0084
0.0029,0.0001,0.0000,0.0000,0.0027,0.0001,200,0.0090
0.0025,0.0001,0.0000,0.0000,0.0023,0.0001,200,0.0097

"""
HEADER = RECORDED.splitlines()[0]


def test_requests_per_second_are_counted_from_the_first_start_to_the_last_answer() -> None:
    # The last request starts at 9.7 ms and takes 2.5 ms; the first starts at 0.1 ms.
    assert read_csv(RECORDED, 8).requests_per_second == pytest.approx(8 / 0.0121)


def test_latencies_are_percentiles_in_milliseconds() -> None:
    load = read_csv(RECORDED, 8)
    assert load.p50_ms == pytest.approx((4.2 + 6.2) / 2)
    assert 8.3 < load.p95_ms < load.p99_ms <= 8.8


def test_an_answer_other_than_200_is_refused() -> None:
    with pytest.raises(BenchError, match="1 were answered with 429"):
        read_csv(RECORDED.replace("200,0.0090", "429,0.0090"), 8)


def test_a_request_without_an_answer_is_refused() -> None:
    # hey leaves it out of the CSV without a word.
    with pytest.raises(BenchError, match="Of 9 requests 1 got no answer"):
        read_csv(RECORDED, 9)


def test_no_answers_at_all_are_refused() -> None:
    with pytest.raises(BenchError, match="Of 4 requests 4 got no answer"):
        read_csv(HEADER + "\n", 4)
