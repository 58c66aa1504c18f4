"""Workers that are replaced because of their memory."""

from dataclasses import replace

import pytest

from bench.reliability import recycling
from bench.reliability.recycling import BOUND, largest_worker_mib
from bench.servers import running
from tests.bench.reliability.stubs import FORK_ONCE, stub
from tests.bench.reliability.verdicts import missed, missed_counts


@pytest.fixture(autouse=True)
def _photos_that_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recycling, "LARGE_SIZE", (640, 480))


def test_the_real_server_replaces_workers_and_loses_nothing(shared_server, real) -> None:
    # Below what a worker holds from the start, so that each is replaced as soon as it is weighed. Half, as the worker
    # asked here may have served many tests and grown, and the one that is started below has not.
    bound = round(largest_worker_mib(shared_server[0].pid) / 2)
    ground = replace(real, plan=replace(real.plan, seconds=2))
    with running(ground.side("recycling", **{BOUND: str(bound)}), ground.photo) as server:
        records = recycling.recycling(server, ground)
    assert missed_counts(records) == set()


def test_workers_that_stay_are_a_missed_goal(bad) -> None:
    assert missed(recycling.measure(bad(stub(FORK_ONCE)))) == {"workers replaced"}
