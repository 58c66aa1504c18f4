"""The weights that all servers get: the same ones, in every form."""

from pathlib import Path

import pytest
import torch

from bench import models
from bench.errors import BenchError
from bench.models import IMAGE_SIZE, check_similarities, make_network, write_artifacts, write_bare
from container.model import precision
from container.model.artifact import load_artifact
from container.model.network import Network


@pytest.fixture(scope="module")
def network() -> Network:
    return make_network()


def speeds(**by_precision: float):  # type: ignore[no-untyped-def]
    """In place of a measurement, which another program's work could turn."""
    return lambda artifacts, image_size, go_on: {name: {"1": speed} for name, speed in by_precision.items()}


def test_a_server_takes_the_fastest_form_and_it_answers_as_fp32_does(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "measure_speed", speeds(bf16=1.0, int8=4.0))
    monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset({"avx512_vnni", "avx512_bf16"}))
    made = write_artifacts(network, tmp_path)
    assert made["precision"] == "int8"
    assert 0.99 < made["similarity"] < 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model-int8.pt", "model.pt"]  # bf16 gained nothing
    card = load_artifact(tmp_path / "model-int8.pt").card
    assert (card["precision"], card["input_size"], card["measured"]["speed"]) == ("int8", IMAGE_SIZE, {"1": 4.0})


def test_a_form_that_answers_otherwise_is_refused() -> None:
    check_similarities({"fp32": 1.0, "int8": 0.995})
    with pytest.raises(BenchError, match="The int8 form of the model answers otherwise than fp32"):
        check_similarities({"fp32": 1.0, "int8": 0.98})


def test_a_peer_gets_the_very_network(network: Network, tmp_path: Path) -> None:
    write_bare(network, tmp_path / "bare.pt")
    pixels = torch.rand(1, 3, IMAGE_SIZE, IMAGE_SIZE)
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.load(str(tmp_path / "bare.pt"))(pixels), network(pixels))
