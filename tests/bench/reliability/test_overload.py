"""Ten times the capacity: a server that refuses well, and one that does not."""

import shutil

import numpy as np
import pytest

from bench.load import TIMEOUT_SECONDS
from bench.reliability import overload
from bench.reliability.overload import read_flood
from tests.bench.reliability.stubs import RUDE, stub
from tests.bench.reliability.verdicts import missed, missed_counts, values

NEEDS_H2LOAD = pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load: apt-get install nghttp2-client")


@NEEDS_H2LOAD
def test_the_real_server_answers_or_refuses_with_a_hint_and_nothing_else(shared_server, real, monkeypatch) -> None:
    monkeypatch.setattr(overload, "MOST_ARRIVALS", 1500)
    records = overload.overload(shared_server[0], real)
    seen = values(records)
    assert missed_counts(records) == set()
    assert seen["answered with 200"] + seen["refused with 429"] == pytest.approx(100, abs=0.01)
    assert seen["refused with 429"] > 10
    assert seen["429 with Retry-After, of those sampled"] == 100
    assert seen["goodput, as a share of the capacity"] > 0


@NEEDS_H2LOAD
def test_refusals_without_a_hint_and_other_statuses_are_missed_goals(bad) -> None:
    records = overload.measure(bad(stub(RUDE)))
    assert {"any other status, or no answer", "429 with Retry-After, of those sampled"} <= missed(records)
    assert values(records)["any other status, or no answer"] > 50


def test_a_flood_is_read_from_the_log_whatever_the_order_of_its_lines() -> None:
    flood = read_flood("2000000\t429\t1000\n1000000\t200\t3500000\n", num_sent=3, rate=10)
    assert (flood.count(200), flood.count(429), flood.num_sent) == (1, 1, 3)
    assert flood.seconds == 3.5
    assert np.array_equal(flood.milliseconds, [1, 3500])


def test_a_flood_that_nobody_answered_took_as_long_as_callers_wait() -> None:
    flood = read_flood("", num_sent=3, rate=10)
    assert (flood.count(200), flood.seconds) == (0, TIMEOUT_SECONDS)
