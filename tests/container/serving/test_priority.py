import os
import sys
import threading
from pathlib import Path

import pytest

from container.serving.priority import ANSWERING, COMPUTING, give_way

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a niceness is the whole process's elsewhere")


def niceness_of_threads(pid: int) -> list[int]:
    """Of each thread of a process; the first is the one that it began with."""
    tasks = sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda path: int(path.name))
    return [int((path / "stat").read_text().rpartition(")")[2].split()[16]) for path in tasks]


@LINUX
def test_only_the_calling_thread_gives_way():
    own = os.getpriority(os.PRIO_PROCESS, os.getpid())
    seen = []

    def work() -> None:
        assert give_way(3)
        assert give_way(3)  # which does not add up
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [min(19, own + 3)]
    assert os.getpriority(os.PRIO_PROCESS, os.getpid()) == own


@LINUX
def test_a_servers_loop_and_health_checks_go_before_answering_and_computing(start_server, base_dir):
    server = start_server(base_dir, SERVE_WORKERS="1", SERVE_THREADS="3")
    server.wait_for_ping(200)
    own = os.getpriority(os.PRIO_PROCESS, os.getpid())
    (worker,) = {event["process"] for event in server.events("ready")}
    levels = [number - own for number in niceness_of_threads(worker)]
    assert levels[0] == 0
    assert levels.count(ANSWERING) >= 3
    assert COMPUTING in levels
    assert set(levels) == {0, ANSWERING, COMPUTING}
