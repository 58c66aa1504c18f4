"""The process that asks /ping."""

from bench.reliability.pings import TIMEOUT_SECONDS, Pings, pinging
from bench.servers import running
from local_test.serve_local import free_port
from tests.bench.reliability.stubs import stub


def test_answers_are_counted_and_timed(bad) -> None:
    ground = bad(stub(""))
    with running(ground.side("pings"), ground.photo) as server, pinging(server.url) as pings:
        pass
    assert pings.num_failed == 0
    assert 0 < pings.longest_ms < TIMEOUT_SECONDS * 1000


def test_a_server_that_is_not_there_is_a_failure() -> None:
    with pinging(f"http://127.0.0.1:{free_port()}/invocations") as pings:
        pass
    assert pings.num_failed == len(pings.milliseconds) > 0


def test_pings_that_were_never_sent_count_as_unanswered() -> None:
    assert Pings().longest_ms == TIMEOUT_SECONDS * 1000
