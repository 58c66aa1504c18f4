"""As many requests as go."""

import shutil

import pytest

from bench.load import LONGEST_SECONDS
from bench.reliability import soak
from bench.reliability.census import Census
from bench.reliability.ground import FULL
from bench.reliability.inputs import bad_requests, good_requests
from bench.reliability.server_log import LogMark
from bench.reliability.soak import growth_records
from tests.bench.reliability.stubs import LEAKY, stub
from tests.bench.reliability.verdicts import missed, missed_counts, values

NEEDS_H2LOAD = pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load: apt-get install nghttp2-client")


@NEEDS_H2LOAD
def test_the_real_server_gives_every_request_the_answer_that_it_deserves(shared_server, real, monkeypatch) -> None:
    monkeypatch.setattr(soak, "CONNECTIONS", 2)  # of 8 threads, so that none is refused
    monkeypatch.setattr(soak, "NUM_MORE", 20)  # 3 seconds are all warm-up
    server, log_path = shared_server
    records = soak.soak(server, real, LogMark.at_end(log_path))
    assert missed_counts(records) == set()
    assert values(records)["of them mixed, half of these bad"] >= len(good_requests() + bad_requests())


@NEEDS_H2LOAD
def test_a_server_that_keeps_descriptors_and_takes_everything_misses_its_goals(bad) -> None:
    assert missed(soak.measure(bad(stub(LEAKY)))) >= {
        "mixed requests not answered as they deserve",
        "descriptors more than after the warm-up",
        "errors and answers of 500 in the log",
    }


def test_the_load_generator_is_given_the_time_that_a_soak_takes() -> None:
    assert FULL.soak_seconds < 0.8 * LONGEST_SECONDS


def test_growth_during_the_warm_up_does_not_count() -> None:
    samples = [Census(10 * number, number, 100 * number) for number in range(5)] + [Census(40, 4, 400)] * 15
    assert missed(growth_records(samples, 1000)) == set()


def test_steady_growth_is_found_and_extrapolated_to_a_million() -> None:
    samples = [Census(number, number, 100 + number) for number in range(400)]  # 1 MiB for 25 requests
    records = growth_records(samples, 10_000)
    assert len(missed(records)) == 3
    assert values(records)["which would be, per million requests"] == pytest.approx(1e6 / 25, rel=0.01)


def test_one_high_sample_is_no_growth() -> None:
    samples = [Census(20, 10, 300)] * 99 + [Census(90, 90, 900)]
    assert missed(growth_records(samples, 1000)) == set()
