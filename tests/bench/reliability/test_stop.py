"""SIGTERM under load."""

from bench.reliability import stop
from tests.bench.reliability.stubs import SLOW, stub
from tests.bench.reliability.verdicts import missed, missed_counts, values


def test_the_real_server_answers_all_that_it_has_accepted(real) -> None:
    records = stop.measure(real)
    assert missed_counts(records) == set()
    assert values(records)["requests before the signal"] > 0


def test_a_server_that_drops_its_requests_misses_its_goal(bad) -> None:
    records = stop.measure(bad(stub(SLOW)))
    assert missed(records) == {"of them failed"}
    assert values(records)["of them failed"] >= 4
