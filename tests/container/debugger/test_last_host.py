import threading
import time

import pytest

from container.debugger.last_host import holding_hosts, wait_for_first_host
from local_test.serve_local import free_port

HOSTS = ("algo-1", "algo-2", "algo-3")


def test_the_other_hosts_wait_until_the_first_is_done() -> None:
    port, ended = free_port(), []

    def other(number: int) -> None:
        wait_for_first_host("localhost", 30, port)
        ended.append(number)

    with holding_hosts(HOSTS, port):
        others = [threading.Thread(target=other, args=(number,)) for number in range(2)]
        for thread in others:
            thread.start()
        time.sleep(0.3)
        assert ended == []
    for thread in others:
        thread.join(10)
    assert sorted(ended) == [0, 1]


def test_a_first_host_that_is_gone_is_not_waited_for() -> None:
    started = time.monotonic()
    wait_for_first_host("localhost", 30, free_port())
    assert time.monotonic() - started < 5


def test_a_first_host_that_hangs_is_waited_for_only_so_long() -> None:
    port = free_port()
    with holding_hosts(HOSTS, port):
        started = time.monotonic()
        wait_for_first_host("localhost", 0.2, port)
        assert 0.1 < time.monotonic() - started < 5


def test_one_host_alone_opens_no_port() -> None:
    port = free_port()
    with holding_hosts(("algo-1",), port), holding_hosts(HOSTS, port):
        pass


def test_a_port_that_is_taken_costs_the_job_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    with holding_hosts(HOSTS, port), holding_hosts(HOSTS, port):
        pass
    assert "the other hosts will not wait for the report" in capsys.readouterr().out
