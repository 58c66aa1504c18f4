"""Callers that send a byte per second."""

from bench.reliability import slow_callers
from tests.bench.reliability.stubs import ONE_AT_A_TIME, stub
from tests.bench.reliability.verdicts import missed, missed_counts, values


def test_the_real_server_serves_others_and_cuts_slow_callers_off(shared_server, real) -> None:
    records = slow_callers.slow_callers(shared_server[0], real)
    assert missed_counts(records) == set()
    seen = values(records)
    assert seen["a well-behaved caller's requests answered with 200"] == 100
    assert seen["of them told so with 408"] == 20
    assert 1 < seen["until the last of these was cut off"] < 10


def test_a_server_that_slow_callers_hold_misses_its_goals(bad) -> None:
    records = slow_callers.measure(bad(stub(ONE_AT_A_TIME)))
    assert missed(records) >= {
        "a well-behaved caller's requests answered with 200",
        "longest GET /ping meanwhile",
        "slow callers cut off, of 20",
    }
