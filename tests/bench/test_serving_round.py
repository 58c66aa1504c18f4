"""One round against a real server."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench import serving_round
from bench.errors import BenchError
from bench.photos import photo
from bench.serving_round import LARGE, SMALL, Plan, draw_photos, measure_round, write_body
from bench.sides import Side, plain_side
from container.data.decode import decode_image

PLAN = Plan(rounds=1, seconds=0.1, open_seconds=0.2)


class Constant(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return torch.arange(6.0).repeat(len(pixels), 1)


@pytest.fixture
def side(tmp_path: Path) -> Side:
    torch.jit.save(torch.jit.script(Constant()), str(tmp_path / "tiny.pt"))
    return plain_side("plain", tmp_path / "tiny.pt", tmp_path, workers=1, OMP_NUM_THREADS="1")


@pytest.fixture
def few_callers(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The photos to send, which are quickly drawn."""
    monkeypatch.setattr(serving_round, "CONCURRENCIES", {SMALL: (1, 2), LARGE: (1,)})
    monkeypatch.setattr(serving_round, "WARM_UP_CONCURRENCY", 2)
    return {SMALL: photo(0), LARGE: photo(1)}


@pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load: apt-get install nghttp2-client")
def test_a_round_measures_every_load(side: Side, few_callers: dict[str, bytes], tmp_path: Path) -> None:
    done = measure_round(side, few_callers, tmp_path, PLAN)
    assert set(done.closed) == {(SMALL, 1), (SMALL, 2), (LARGE, 1)}
    assert set(done.open) == {10, 25}
    assert all(load.requests_per_second > 0 for load in [*done.closed.values(), *done.open.values()])
    assert (done.num_errors, done.broken_image_status) == (0, 500)
    assert next(iter(done.prediction)) == "5"
    assert done.cpu_ms_per_request > 0


@pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load: apt-get install nghttp2-client")
def test_a_failed_request_of_ours_ends_the_benchmark(side: Side, few_callers: dict[str, bytes], tmp_path: Path) -> None:
    broken = {**few_callers, LARGE: b"this is no image"}
    assert measure_round(side, broken, tmp_path, PLAN).num_errors > 0  # a peer's are counted
    with pytest.raises(BenchError, match=r"plain failed \d+ requests; .*plain_flask\.log"):
        measure_round(replace(side, is_ours=True), broken, tmp_path, PLAN)


def test_the_photos_have_the_sizes_of_their_names() -> None:
    photos = draw_photos()
    assert {name: tuple(decode_image(image).shape) for name, image in photos.items()} == {
        SMALL: (3, 375, 500),
        LARGE: (3, 2000, 3000),
    }


def test_a_server_without_uploads_is_sent_the_image_itself(side: Side, tmp_path: Path) -> None:
    raw = write_body(side, b"image", tmp_path / "raw")
    assert (raw.path.read_bytes(), raw.content_type) == (b"image", "image/jpeg")
    upload = write_body(replace(side, form_field="file"), b"image", tmp_path / "upload")
    assert b'name="file"' in upload.path.read_bytes()
    assert upload.content_type.startswith("multipart/form-data; boundary=")
