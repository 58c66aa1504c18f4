"""A real server under hostile bodies and connections: it answers, and lives on as it was."""

import os
import time

import pytest

from tests.container.serving.conftest import COLOURS, MeanColour, save_colour_model
from tests.container.serving.running_server import RunningServer
from tests.hostile.__main__ import check_workers
from tests.hostile.generate import body_names, wire_names
from tests.hostile.outcome import problems, table
from tests.hostile.over_http import Target
from tests.hostile.process_memory import children

SEED = 7
NUM_BODIES, NUM_WIRES = 1500, 330
WORKERS = 2
# Two requests at a time may each take 900 MiB for an image of 50 million pixels; a worker by itself has 400.
MOST_WORKER_MIB = 2200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    base_dir = tmp_path_factory.mktemp("hostile") / "ml"
    save_colour_model(base_dir / "model", MeanColour(), COLOURS)
    settings = {"SERVE_WORKERS": str(WORKERS), "SERVE_DECODES": "2", "SERVE_LOG_LEVEL": "warning"}
    running = RunningServer(base_dir, tmp_path_factory.mktemp("home"), {**os.environ, **settings})
    running.wait_for_ping(200)
    give_up = time.monotonic() + 60
    while len(children(running.process.pid)) < WORKERS:  # each is forked for itself
        assert time.monotonic() < give_up
        time.sleep(0.05)
    yield running
    running.kill()


def test_a_server_answers_every_hostile_input_and_is_afterwards_what_it_was(server: RunningServer) -> None:
    target = Target(f"http://127.0.0.1:{server.port}")
    workers, before = children(server.process.pid), target.good_answer()
    assert len(workers) == WORKERS
    outcomes = target.run_all([*body_names(SEED, NUM_BODIES), *wire_names(SEED, NUM_WIRES)])
    outcomes += check_workers(workers, children(server.process.pid), MOST_WORKER_MIB)
    print(table(outcomes))
    assert problems(outcomes) == []
    assert len(outcomes) == NUM_BODIES + NUM_WIRES + WORKERS
    assert target.good_answer() == before
    assert server.events("request_failed") == []


def test_a_server_that_reads_hostile_inputs_answers_others_meanwhile(server: RunningServer) -> None:
    """Half-sent requests of many callers hold no thread that a good one needs."""
    target = Target(f"http://127.0.0.1:{server.port}")
    idle = [server.connect() for _ in range(40)]
    for connection in idle:
        connection.connect()
        connection.sock.sendall(b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nhalf")
    before = target.good_answer()
    assert target.good_answer() == before
    assert server.request("GET", "/ping")[0] == 200
    for connection in idle:
        connection.close()
