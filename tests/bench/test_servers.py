"""A server as a process, under the real load generator."""

import shutil
import socket
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.errors import BenchError
from bench.load import measure
from bench.photos import photo
from bench.servers import Side, plain_server, running, tree_cpu_seconds
from local_test.serve_local import free_port


class MeanColour(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.mean(dim=(2, 3)).repeat(1, 2)  # (1, 6)


@pytest.mark.skipif(shutil.which("hey") is None, reason="needs hey: apt-get install hey")
def test_a_server_is_started_measured_and_stopped(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo(0))
    torch.jit.save(torch.jit.script(MeanColour()), str(tmp_path / "tiny.pt"))
    port = free_port()
    side = plain_server("plain", tmp_path / "tiny.pt", port, tmp_path, OMP_NUM_THREADS="1")
    with running(side, port, photo(0)) as server:
        used_before = tree_cpu_seconds(server.pid)
        load = measure(server.url, tmp_path / "photo.jpg", concurrency=2, seconds=1.2)
        assert tree_cpu_seconds(server.pid) > used_before
    assert load.requests_per_second > 0
    assert load.num_requests > 0
    assert load.num_warm_up == 12
    assert 0 < load.p50_ms <= load.p95_ms <= load.p99_ms
    assert 0 < server.ready_seconds <= server.first_answer_seconds
    assert server.peak_memory_mib > 20  # Python and torch at least
    assert len(server.prediction) == 5
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the server still listens"


def test_a_server_that_ends_at_once_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    side = Side("broken", [sys.executable, "-c", "raise SystemExit(3)"], {}, tmp_path / "log")
    with pytest.raises(BenchError, match=r"broken ended with status 3; see .*log"), running(side, free_port(), b""):
        pass
