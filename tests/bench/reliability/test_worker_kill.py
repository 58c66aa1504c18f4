"""kill -9 of a worker."""

from bench.reliability import worker_kill
from bench.reliability.callers import Outcome, Request
from bench.reliability.worker_kill import Kill, failed_in
from bench.servers import running
from tests.bench.reliability.stubs import FORK_ONCE, stub
from tests.bench.reliability.verdicts import missed, missed_counts, values


def test_the_real_server_loses_no_more_than_the_worker_held_and_replaces_it(real) -> None:
    side = real.side("kill", SERVE_WORKERS="2")
    with running(side, real.photo) as server:
        records = worker_kill.kill_workers(server, real, side.log_path)
    seen = values(records)
    assert missed_counts(records) == set()
    assert seen["of them failed"] <= seen["in flight in the killed worker"]
    assert 0 < seen["until a new worker answers"] < real.plan.replace_seconds


def test_a_worker_that_is_not_replaced_is_a_missed_goal(bad) -> None:
    ground = bad(stub(FORK_ONCE))
    records = worker_kill.measure(ground)
    assert "until a new worker answers" in missed(records)
    assert values(records)["until a new worker answers"] == ground.plan.replace_seconds


def outcome(port: int, started: float, ended: float, status: int) -> Outcome:
    return Outcome(request=Request(), started=started, connected=started, ended=ended, local_port=port, status=status)


def test_a_killed_worker_answers_for_its_own_connections_at_that_moment_alone() -> None:
    outcomes = [
        outcome(1, 9, 11, 0),  # its own
        outcome(1, 3, 4, 0),  # the same port, earlier
        outcome(2, 9, 11, 0),  # another worker's
        outcome(3, 9, 11, 200),  # its own, and answered in time
    ]
    assert failed_in(Kill(frozenset({1, 3}), moment=10, answered_seconds=1), outcomes) == 1
