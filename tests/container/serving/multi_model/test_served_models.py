"""The real server with many models, over HTTP, with several threads."""

import itertools
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.container.serving.multi_model.conftest import BROKEN, GOOD, error_code
from tests.container.serving.running_server import RunningServer

CYCLES = 30
# Of the tiny models of these tests. With ResNet-18, which takes 48 MiB, it was between -8 and +11 all the while, and
# below 1 with four kinds of models in turn.
MAX_GROWTH_MIB = 16


class Server(RunningServer):
    def load(self, name: str) -> tuple[int, dict]:
        body = json.dumps({"model_name": name, "url": f"{self.models_dir}/{name}/model"})
        status, _, answer = self.request("POST", "/models", body)
        return status, answer

    def invoke(self, name: str, body: bytes) -> tuple[int, dict]:
        status, _, answer = self.request("POST", f"/models/{name}/invoke?top_k=1", body, Content_Type="image/jpeg")
        return status, answer

    def unload(self, name: str) -> int:
        return self.request("DELETE", f"/models/{name}")[0]

    def names(self) -> list[str]:
        return [model["modelName"] for model in self.request("GET", "/models")[2]["models"]]

    def resident_mib(self) -> float:
        (line,) = [
            line
            for line in self.request("GET", "/metrics")[2].decode().splitlines()
            if line.startswith("classifier_worker_resident_bytes{")
        ]
        return float(line.split()[-1]) / 2**20


@pytest.fixture(scope="module")
def server(many_base_dir, tmp_path_factory):
    settings = {"SAGEMAKER_MULTI_MODEL": "true", "SERVE_MAX_MODELS": "4", "SERVE_FULL_MEMORY": "evict"}
    home_dir = tmp_path_factory.mktemp("home")
    running = Server(many_base_dir, home_dir, {**os.environ, **settings})
    running.models_dir = many_base_dir / "models"
    running.wait_for_ping(200)
    yield running
    running.kill()


@pytest.fixture(autouse=True)
def no_models(server):
    """Each test begins without a model."""
    for name in server.names():
        assert server.unload(name) == 200


def test_the_server_is_ready_without_a_model_in_one_process(server):
    assert server.request("GET", "/ping")[2]["models"] == 0
    (starting,) = server.events("starting")
    assert starting["settings"]["workers"] == 1


def test_threads_that_load_ask_and_unload_get_the_answers_of_their_own_models(server, red_jpeg):
    def work(number: int) -> set[int]:
        name = GOOD[number % len(GOOD)]
        statuses = set()
        for _ in range(6):
            loaded, _ = server.load(name)
            assert loaded in (200, 409)
            status, answer = server.invoke(name, red_jpeg)
            if status == 200:
                assert answer["predictions"][0]["labels"] == [f"{name}-red"]
            else:  # the other thread with this model has unloaded it in between
                assert (status, error_code(answer)) == (404, "model_not_loaded")
            unloaded = server.unload(name)
            assert unloaded in (200, 404)
            statuses |= {loaded, status, unloaded}
        return statuses

    with ThreadPoolExecutor(8) as threads:
        seen = set().union(*threads.map(work, range(8)))
    assert 200 in seen
    assert server.names() == []


def test_broken_models_leave_those_that_answer_alone(server, red_jpeg):
    assert server.load("a")[0] == 200
    with ThreadPoolExecutor(6) as threads:
        asked = threads.map(lambda _: server.invoke("a", red_jpeg)[0], range(40))
        broken = [threads.submit(server.load, name) for name in BROKEN]
        assert [load.result()[0] for load in broken] == [400] * len(BROKEN)
        assert set(asked) == {200}
    assert server.names() == ["a"]


def test_the_least_recently_used_model_goes_when_there_are_too_many(server, red_jpeg):
    for name in GOOD:
        assert server.load(name)[0] == 200
    server.invoke("a", red_jpeg)
    assert server.load("slow")[0] == 200  # a fifth one
    assert server.names() == ["a", "c", "d", "slow"]
    assert server.events("model_unloaded")[-1]["name"] == "b"


def test_a_model_that_is_unloaded_while_it_answers_answers_first(server, red_jpeg):
    assert server.load("slow")[0] == 200
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(server.invoke, "slow", red_jpeg) for _ in range(2)]
        while server.request("GET", "/metrics")[2].decode().count("classifier_requests_in_flight 3.0") == 0:
            time.sleep(0.01)  # two invocations and this
        assert server.unload("slow") == 200
        assert [answer.result()[0] for answer in asked] == [200, 200]
    assert server.invoke("slow", red_jpeg)[0] == 404


def test_memory_comes_back_after_unloads(server, red_jpeg):
    def cycle(name: str) -> None:
        assert server.load(name)[0] == 200
        assert server.invoke(name, red_jpeg)[0] == 200
        assert server.unload(name) == 200

    names = itertools.cycle(GOOD)
    for _ in range(5):  # until all that is made once is there
        cycle(next(names))
    before = server.resident_mib()
    for _ in range(CYCLES):
        cycle(next(names))
    assert server.resident_mib() - before < MAX_GROWTH_MIB


def test_a_load_request_may_come_in_chunks(server):
    body = json.dumps({"model_name": "a", "url": f"{server.models_dir}/a/model"}).encode()
    assert server.request("POST", "/models", iter([body[:10], body[10:]]))[0] == 200


def test_sigterm_ends_it_in_order(server):
    assert server.load("a")[0] == 200
    assert server.terminate(within_seconds=25) == 0
