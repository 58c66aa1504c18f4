"""The real server in a process of its own: gunicorn, signals, real HTTP."""

import base64
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from container.model.artifact import save_artifact
from container.model.backbone import make_backbone
from container.model.low_precision import to_int8
from container.model.network import Network
from container.model.preprocess import Preprocess
from tests.container.serving.running_server import RunningServer, read_answer

TRAINING_PACKAGES = {
    "boto3",
    "matplotlib",
    "pandas",
    "sagemaker",
    "sagemaker_training",
    "scipy",
    "sklearn",
    "smdebug",
    "torchvision",
}
SERVE_ONCE = """
import sys
from pathlib import Path
from container.model.artifact import load_artifact
from container.serving import app, gunicorn_server, predictor, readiness, server, settings
artifact = load_artifact(Path(sys.argv[1]))
ready = readiness.Readiness(lambda: predictor.Predictor(artifact, predictor.Layout(), timeout_seconds=30))
assert ready.warm_up()
client = app.create_app(settings.ServeSettings(threads=4), ready).test_client()
assert client.post("/invocations", data=sys.stdin.buffer.read()).status_code == 200
print(*sorted(sys.modules))
"""


@pytest.fixture(scope="module")
def server(base_dir, tmp_path_factory):
    home_dir = tmp_path_factory.mktemp("home")
    running = RunningServer(base_dir, home_dir, {**os.environ, "SERVE_WORKERS": "2", "SERVE_MAX_BODY_BYTES": "1000000"})
    running.wait_for_ping(200)
    yield running
    running.kill()


def send_head(server: RunningServer, body: bytes):
    """A connection on which the headers of an invocation and half of its body are sent."""
    connection = server.connect()
    connection.putrequest("POST", "/invocations")
    connection.putheader("Content-Type", "image/jpeg")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[: len(body) // 2])
    time.sleep(0.3)  # until a thread of the server holds it
    return connection


def test_an_image_is_answered_over_http(server, red_jpeg):
    status, headers, answer = server.request("POST", "/invocations?top_k=1", red_jpeg, X_Request_Id="over-http")
    assert (status, headers["X-Request-Id"]) == (200, "over-http")
    assert answer["predictions"][0]["labels"] == ["red"]


def test_four_images_one_of_them_broken_are_answered_over_http(server, red_jpeg, blue_png):
    encoded = [base64.b64encode(item).decode() for item in (red_jpeg, blue_png, red_jpeg[:200], blue_png)]
    body = json.dumps({"instances": [{"b64": text} for text in encoded]})
    status, _, answer = server.request("POST", "/invocations", body, Content_Type="application/json")
    assert status == 200
    assert [prediction.get("labels", ["error"])[0] for prediction in answer["predictions"]] == [
        "red",
        "blue",
        "error",
        "blue",
    ]


def test_concurrent_requests_get_their_own_answers(server, red_jpeg, blue_png):
    def ask(number: int) -> tuple[bool, str, str]:
        is_red = number % 3 == 0
        _, headers, answer = server.request(
            "POST", "/invocations", red_jpeg if is_red else blue_png, X_Request_Id=f"request-{number}"
        )
        return is_red, answer["predictions"][0]["labels"][0], headers["X-Request-Id"]

    with ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(ask, range(96)))
    assert answers == [(n % 3 == 0, "red" if n % 3 == 0 else "blue", f"request-{n}") for n in range(96)]


def test_a_chunked_body_is_read(server, red_jpeg):
    status, _, answer = server.request("POST", "/invocations", iter([red_jpeg[:100], red_jpeg[100:]]))
    assert (status, answer["predictions"][0]["labels"][0]) == (200, "red")


@pytest.mark.parametrize("size", [1_000_001, 30_000_000])
def test_the_caller_of_a_body_that_is_too_large_sees_413_and_no_broken_connection(server, size):
    status, _, answer = server.request("POST", "/invocations", bytes(size))
    assert (status, answer["error"]["code"]) == (413, "body_too_large")


def test_a_chunked_body_that_is_too_large_is_413(server):
    status, _, answer = server.request("POST", "/invocations", iter([bytes(400_000)] * 5))
    assert (status, answer["error"]["code"]) == (413, "body_too_large")


def test_a_connection_is_kept_and_used_again_even_after_an_error(server, red_jpeg):
    connection = server.connect()
    statuses = []
    for content_type in ("image/jpeg", "text/plain", "image/jpeg"):
        connection.request("POST", "/invocations", red_jpeg, {"Content-Type": content_type})
        socket_before = connection.sock
        statuses.append(read_answer(connection)[0])
        assert connection.sock is socket_before
    connection.close()
    assert statuses == [200, 415, 200]


def test_the_log_tells_start_settings_readiness_and_each_request(server, red_jpeg):
    server.request("POST", "/invocations", red_jpeg, X_Request_Id="to-be-logged")
    (starting,) = server.events("starting")
    assert starting["settings"]["workers"] == 2
    while len(ready := server.events("ready")) < 2:  # one per worker
        time.sleep(0.02)
    assert all(0.1 < event["seconds_since_start"] < 60 for event in ready)
    (line,) = [event for event in server.events("request") if event["request_id"] == "to-be-logged"]
    assert (line["status"], line["images"]) == (200, 1)


def test_nothing_is_written_into_the_home_folder(server):
    assert list(server.home_dir.iterdir()) == []


def test_ping_is_503_until_a_real_inference_has_passed_and_sigterm_lets_one_finish(
    start_server, slow_base_dir, red_jpeg
):
    server = start_server(slow_base_dir)
    server.wait_for_ping(200)
    assert server.statuses == [None, 503, 200]
    answers = []
    caller = threading.Thread(target=lambda: answers.append(server.request("POST", "/invocations", red_jpeg)))
    caller.start()
    time.sleep(0.2)
    assert not answers  # still in flight
    assert server.terminate(within_seconds=25) == 0
    caller.join()
    assert answers[0][0] == 200


def test_sigterm_lets_a_half_sent_request_finish_and_ends_idle_connections(start_server, base_dir, red_jpeg):
    server = start_server(base_dir, SERVE_KEEPALIVE_SECONDS="1", SERVE_GRACEFUL_SECONDS="20")
    server.wait_for_ping(200)
    idle = server.connect()
    idle.request("GET", "/ping")
    assert read_answer(idle)[0] == 200  # and the connection stays open
    connection = send_head(server, red_jpeg)
    start = time.monotonic()
    server.process.terminate()
    time.sleep(0.5)
    connection.send(red_jpeg[len(red_jpeg) // 2 :])
    assert read_answer(connection)[0] == 200
    connection.close()
    assert server.process.wait(20) == 0
    assert time.monotonic() - start < 10  # the idle connection did not use up the grace time
    idle.close()


def test_ping_is_prompt_while_every_thread_for_invocations_is_taken(start_server, slow_base_dir, red_jpeg):
    server = start_server(slow_base_dir, SERVE_WORKERS="1", SERVE_THREADS="2")
    server.wait_for_ping(200)
    answers = []
    caller = threading.Thread(target=lambda: answers.append(server.request("POST", "/invocations", red_jpeg)))
    caller.start()
    time.sleep(0.2)
    status, headers, answer = server.request("POST", "/invocations", red_jpeg)
    assert (status, answer["error"]["code"], headers["Retry-After"]) == (429, "overloaded", "1")
    start = time.monotonic()
    assert server.request("GET", "/ping")[0] == 200
    assert time.monotonic() - start < 1
    assert not answers  # the thread was taken all the while
    caller.join()
    assert answers[0][0] == 200


def test_the_int8_form_is_served_and_named_in_ping_and_in_the_log(start_server, tmp_path, red_jpeg):
    backbone, num_features = make_backbone("resnet18", 32, "none")
    network = Network(backbone, num_features, 2, head="linear", fine_tune="head").eval()
    int8 = to_int8(network, [torch.rand(8, 3, 32, 32)])
    (tmp_path / "model").mkdir()
    save_artifact(tmp_path / "model/model-int8.pt", Preprocess(32), int8, ["a", "b"], {"precision": "int8"})
    server = start_server(tmp_path, SERVE_PRECISION="int8")
    server.wait_for_ping(200)
    _, _, ping = server.request("GET", "/ping")
    assert (ping["status"], ping["model"], ping["precision"]) == ("ready", "model-int8.pt", "int8")
    status, _, answer = server.request("POST", "/invocations", red_jpeg)
    assert (status, len(answer["predictions"][0]["labels"])) == (200, 2)
    (loaded,) = server.events("model_loaded")  # which also finds that every line is JSON: none is PyTorch's
    assert loaded["model"]["precision"] == "int8"


def test_a_bad_artifact_leaves_the_server_up_with_the_reason(start_server, tmp_path, red_jpeg):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.pt").write_bytes(b"this is no model")
    server = start_server(tmp_path)
    server.wait_for_ping(503)
    time.sleep(1)
    status, _, answer = server.request("GET", "/ping")
    assert (status, answer["error"]["code"]) == (503, "model_unavailable")
    assert "model.pt" in answer["error"]["message"]
    assert server.request("POST", "/invocations", red_jpeg)[0] == 503
    assert len(server.events("model_unavailable")) == 1
    assert server.terminate(within_seconds=20) == 0


def test_sigterm_before_the_server_listens_ends_it(start_server, base_dir):
    server = start_server(base_dir)
    while not server.log_text():
        time.sleep(0.02)
    assert server.terminate(within_seconds=20) == 0


def test_a_bad_setting_ends_the_process_with_the_variables_name(base_dir):
    environment = {**os.environ, "SERVE_WORKER": "2", "SAGEMAKER_BASE_DIR": str(base_dir)}
    finished = subprocess.run(
        [sys.executable, "-c", "from container.serving.server import serve; serve()"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "SERVE_WORKERS" in finished.stderr


def test_serving_imports_no_training_package(base_dir: Path, red_jpeg):
    finished = subprocess.run(
        [sys.executable, "-c", SERVE_ONCE, str(base_dir / "model/model.pt")],
        input=red_jpeg,
        capture_output=True,
        check=True,
    )
    modules = finished.stdout.decode().splitlines()[-1].split()
    assert {"torch", "flask", "container.serving.app"} <= set(modules)
    assert TRAINING_PACKAGES.isdisjoint(name.partition(".")[0] for name in modules)
    assert not [name for name in modules if name.startswith(("container.training", "container.hyperparameters"))]
