"""What is read from the load generator's log, and what counts as an error."""

import pytest

from bench.load import TIMEOUT_SECONDS, summarize

# Recorded from `h2load --h1 -n 6 -c 2 --log-file=...`: start in us since 1970, status, duration in us.
RECORDED = """1795619344194113	200	271896
1795619344194087	200	439508
1795619344466045	200	217102
1795619344633620	200	125371
1795619344759024	200	80907
1795619344683173	200	188888
"""


def test_requests_per_second_are_counted_from_the_first_start_to_the_last_answer() -> None:
    # The last answer comes 188,888 us after ...4683173; the first request starts at ...4194087.
    assert summarize(RECORDED, 6).requests_per_second == pytest.approx(6 / 0.677974)


def test_latencies_are_percentiles_in_milliseconds() -> None:
    load = summarize(RECORDED, 6)
    assert load.p50_ms == pytest.approx((188.888 + 217.102) / 2)
    assert 271.9 < load.p95_ms < load.p99_ms <= 439.508
    assert load.num_errors == 0


def test_an_answer_other_than_200_is_an_error_and_no_speed() -> None:
    refused = RECORDED.replace("200\t80907", "503\t1").replace("200\t439508", "-1\t1")
    load = summarize(refused, 6)
    assert load.num_errors == 2
    assert load.requests_per_second == pytest.approx(4 / 0.677974)
    assert load.p50_ms > 100  # a quick refusal is no quick answer


def test_a_request_without_an_answer_is_an_error() -> None:
    # h2load leaves it out of the log without a word.
    assert summarize(RECORDED, 9).num_errors == 3


def test_where_nothing_was_answered_the_time_out_stands_for_latency() -> None:
    load = summarize("", 4)
    assert (load.num_errors, load.requests_per_second) == (4, 0)
    assert load.p50_ms == load.p99_ms == TIMEOUT_SECONDS * 1000


def test_a_request_that_starts_late_counts_from_when_it_was_due() -> None:
    # One each 100 ms; the third could only start 50 ms late, and the wait is the server's doing.
    log = "0\t200\t10000\n100000\t200\t10000\n250000\t200\t10000\n"
    assert summarize(log, 3, period_us=100_000).p99_ms == pytest.approx(60, rel=0.02)
    assert summarize(log, 3).p99_ms == pytest.approx(10)


def test_the_schedule_is_that_of_the_most_punctual_request() -> None:
    # The first is 5 ms late, the others are not.
    log = "5000\t200\t1000\n100000\t200\t1000\n200000\t200\t1000\n"
    load = summarize(log, 3, period_us=100_000)
    assert load.p50_ms == pytest.approx(1)
    assert load.p99_ms == pytest.approx(6, rel=0.02)
