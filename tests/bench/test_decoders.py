"""The decoders' part: what each makes of the same photo, and that each is measured."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench import decoders
from bench.decoder_probe import DECODERS
from bench.decoders import measure_decoders, panels, write_photos
from bench.peers import environment
from bench.per_image import milliseconds_per_image
from bench.photos import photo
from bench.record import compare
from bench.training import OURS
from container.model.preprocess import Preprocess


@pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")  # pytest sets its own filters
@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder_gives_the_network_the_same_picture(name: str) -> None:
    body = photo(2, (640, 480))
    with Image.open(io.BytesIO(body)) as image:
        expected = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    crop = Preprocess(224).crop
    assert (crop(DECODERS[name](body)).float() - crop(expected).float()).abs().mean() < 2


def test_time_is_counted_per_image() -> None:
    bodies = [photo(seed, (64, 48)) for seed in range(3)]
    decoded: list[bytes] = []

    def decode(body: bytes) -> torch.Tensor:
        decoded.append(body)
        return torch.zeros(3, 48, 64, dtype=torch.uint8)

    assert 0 < milliseconds_per_image(decode, Preprocess(224).crop, bodies, 0) < 1000
    assert decoded == [*bodies, *bodies]  # one turn to warm up, one that counts


def test_all_decoders_are_measured_on_the_same_files(tmp_path: Path) -> None:
    if not (environment.ENVIRONMENTS_DIR / "opencv" / environment.READY_FILE).exists():
        pytest.skip("OpenCV is not installed; `python -m bench decoders --quick` does it")
    found = measure_decoders(write_photos(tmp_path, (96, 72), 2), 0)
    assert list(found) == [*DECODERS, "OpenCV in full", "OpenCV, reduced"]
    assert min(found.values()) > 0


def test_each_size_has_a_panel_with_all_decoders() -> None:
    records = [
        compare(f"{size}: {decoders.WHAT}", "ms", "lower", [1], peer, [2])
        for size in ("500x375", "1024x768")
        for peer in ("Pillow in full", "torchvision")
    ]
    assert [len(own) for own in panels(records).values()] == [2, 2]
    assert OURS in DECODERS
