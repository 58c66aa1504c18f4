"""A server as a process, under the real load generator."""

import shutil
import socket
import sys
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor, nn

from bench import servers
from bench.errors import BenchError
from bench.load import Body, closed_loop, open_loop
from bench.photos import photo
from bench.process_tree import tree_cpu_seconds
from bench.servers import read_prediction, running, status_of
from bench.sides import Side, plain_side
from local_test.serve_local import free_port


class MeanColour(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.mean(dim=(2, 3)).repeat(1, 2)  # (1, 6)


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.pt"
    torch.jit.save(torch.jit.script(MeanColour()), str(path))
    return path


def script_side(tmp_path: Path, code: str, *, is_ours: bool = False) -> Side:
    """A server that is a few lines of Python; PORT in them is its port."""
    port = free_port()
    command = [sys.executable, "-c", code.replace("PORT", str(port))]
    return Side(name="script", command=command, port=port, log_path=tmp_path / "script.log", is_ours=is_ours)


@pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load: apt-get install nghttp2-client")
def test_a_server_is_started_measured_and_stopped(tmp_path: Path, tiny_model: Path) -> None:
    body = Body(tmp_path / "photo.jpg", "image/jpeg")
    body.path.write_bytes(photo(0))
    side = plain_side("plain", tiny_model, tmp_path, workers=1, OMP_NUM_THREADS="1")
    with running(side, photo(0)) as server:
        used_before = tree_cpu_seconds(server.pid)
        closed = closed_loop(server.url, body, concurrency=2, seconds=0.5)
        opened = open_loop(server.url, body, rate=20, seconds=0.5)
        refused = open_loop(server.url + "/unknown", body, rate=20, seconds=0.2)
        assert tree_cpu_seconds(server.pid) > used_before
        assert status_of(side, b"no image") == 500
    assert closed.num_warm_up == 8
    assert (closed.num_errors, opened.num_errors, refused.num_errors) == (0, 0, 4)
    assert opened.num_requests == 10
    assert closed.requests_per_second > 0
    assert 0 < closed.p50_ms <= closed.p95_ms <= closed.p99_ms
    assert 0 < server.ready_seconds <= server.first_answer_seconds
    assert server.peak_memory_mib > 20  # Python and torch at least
    assert len(server.prediction) == 5
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", side.port)) != 0, "the server still listens"
    assert status_of(side, b"no image") == 0


def test_a_server_that_ends_at_once_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    side = script_side(tmp_path, "raise SystemExit(3)")
    with pytest.raises(BenchError, match=r"script ended with status 3; see .*script\.log"), running(side, b""):
        pass


READY_WITHOUT_MODEL = """
import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    tries = 0
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        Handler.tries += 1
        self.send_response(500 if Handler.tries < 3 else 200); self.end_headers()
        self.wfile.write(json.dumps({"labels": ["a"], "probabilities": [1.0]}).encode())
http.server.HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
"""


def test_a_peer_that_is_ready_before_its_model_is_asked_again(tmp_path: Path) -> None:
    with running(script_side(tmp_path, READY_WITHOUT_MODEL), b"image") as server:
        assert server.prediction == {"a": 1.0}
        assert server.first_answer_seconds > server.ready_seconds


def test_our_own_server_must_answer_once_it_is_ready(tmp_path: Path) -> None:
    side = script_side(tmp_path, READY_WITHOUT_MODEL, is_ours=True)
    with pytest.raises(BenchError, match="was ready and did not answer: HTTP Error 500"), running(side, b"image"):
        pass


WITH_A_STUBBORN_CHILD = """
import pathlib, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"])
pathlib.Path("CHILD").write_text(str(child.pid))
"""


def test_what_a_server_has_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.5)
    child_path = tmp_path / "child"
    code = WITH_A_STUBBORN_CHILD.replace("CHILD", str(child_path)) + READY_WITHOUT_MODEL
    with running(script_side(tmp_path, code), b"image"):
        child = psutil.Process(int(child_path.read_text()))
        assert child.is_running()
    child.wait(10)  # raises if it lives on


@pytest.mark.parametrize(
    "answer",
    [
        '{"predictions": [{"labels": ["a", "b"], "probabilities": [0.7, 0.3]}]}',  # this project
        '{"labels": ["a", "b"], "probabilities": [0.7, 0.3]}',  # most peers
        '[{"labels": ["a", "b"], "probabilities": [0.7, 0.3]}]',  # BentoML
    ],
)
def test_every_server_s_way_to_answer_is_read(answer: str) -> None:
    assert list(read_prediction(answer.encode()).items()) == [("a", 0.7), ("b", 0.3)]
