"""Callers that go away."""

from bench.reliability import census, disconnects
from bench.reliability.server_log import LogMark
from tests.bench.reliability.stubs import LEAKY, stub
from tests.bench.reliability.verdicts import missed, missed_counts, values


def test_the_real_server_forgets_callers_that_have_gone(shared_server, real, monkeypatch) -> None:
    monkeypatch.setattr(census, "SETTLE_SECONDS", 2.5)  # it waits 2 s for those who do not close
    server, log_path = shared_server
    records = disconnects.disconnects(server, real, LogMark.at_end(log_path))
    assert missed_counts(records) == set()
    assert values(records)["callers that went away"] == 60


def test_a_server_that_keeps_descriptors_and_complains_misses_its_goals(bad) -> None:
    records = disconnects.measure(bad(stub(LEAKY)))
    assert missed(records) >= {"descriptors more than before", "errors and answers of 500 in the log"}
    assert values(records)["descriptors more than before"] >= 10
