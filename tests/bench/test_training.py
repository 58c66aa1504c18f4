"""Training loops, for an epoch each, and what becomes of their numbers."""

import os
from pathlib import Path

import pytest
import torch

from bench import floor, training
from bench.errors import BenchError
from bench.loops import Epoch, take_turns
from bench.models import IMAGE_SIZE, make_network
from bench.peers import environment
from bench.photos import write_class_folders
from bench.training import NUM_CLASSES, OURS, PLAIN, contenders, make_weights, panels, records_of
from bench.weights import make_weights as weights_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_class_folders(tmp_path / "data", NUM_CLASSES, train=1, valid=1)


@pytest.fixture
def no_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that need an environment of their own are not run."""
    monkeypatch.setattr(training, "peer_python", lambda name: Path(f"/no/{name}"))
    monkeypatch.delenv(training.TIMM_VARIABLE, raising=False)


@pytest.mark.usefixtures("no_peers")
def test_our_loop_and_the_plain_one_train_the_same_images_in_turn(tmp_path: Path, data: Path) -> None:
    weights = tmp_path / "resnet18.pth"
    torch.save(weights_of(NUM_CLASSES), weights)
    chosen = [
        contender
        for contender in contenders("head", tmp_path, data, weights, rounds=1)
        if contender.name in (OURS, PLAIN)
    ]
    epochs = take_turns("head", chosen, 1, tmp_path)
    assert list(epochs) == [OURS, PLAIN]
    for (epoch,) in epochs.values():
        assert epoch.images_per_second > 0
        assert epoch.seconds > 0
        assert epoch.accuracy * NUM_CLASSES in range(NUM_CLASSES + 1)  # one valid image per class


@pytest.mark.parametrize(("peer", "mode"), [("fastai", "head"), ("fastai", "all"), ("timm", "all")])
def test_a_peer_trains_in_its_own_environment(tmp_path: Path, data: Path, peer: str, mode: str) -> None:
    if not (environment.ENVIRONMENTS_DIR / peer / environment.READY_FILE).exists():
        pytest.skip(f"{peer} is not installed; `python -m bench training --quick` does it")
    if peer == "timm" and not Path(os.environ.get(training.TIMM_VARIABLE, "")).is_file():
        pytest.skip(f"timm's script is no part of its package; set {training.TIMM_VARIABLE} to its path")
    (chosen,) = [
        contender
        for contender in contenders(mode, tmp_path, data, make_weights(tmp_path), rounds=1)
        if contender.name.startswith(peer)
    ]
    ((epoch,),) = take_turns(mode, [chosen], 1, tmp_path).values()
    assert epoch.images_per_second > 0
    assert epoch.accuracy * NUM_CLASSES == pytest.approx(round(epoch.accuracy * NUM_CLASSES), abs=1e-4)


@pytest.mark.usefixtures("no_peers")
def test_timm_takes_part_only_with_its_script_and_only_in_training_all_layers(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(mode: str) -> list[str]:
        return [contender.name for contender in contenders(mode, tmp_path, data, tmp_path / "w.pth", 1)]

    (tmp_path / "w.pth").touch()
    assert names("all") == [OURS, PLAIN, training.FASTAI]
    monkeypatch.setenv(training.TIMM_VARIABLE, "train.py")
    assert names("all") == [OURS, PLAIN, training.FASTAI, training.TIMM]
    assert names("head") == [OURS, PLAIN, training.FASTAI]


def test_a_script_that_is_not_there_is_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(training.TIMM_VARIABLE, "/no/train.py")
    with pytest.raises(BenchError, match=r"TIMM_TRAIN is '/no/train.py', which is no file"):
        training.check()


def test_every_peer_is_compared_in_speed_time_and_accuracy_and_drawn_by_speed() -> None:
    epochs = {OURS: [Epoch(2, 50, 0.5), Epoch(2, 60, 0.75)], PLAIN: [Epoch(4, 25, 0.25), Epoch(4, 30, 0.5)]}
    records = records_of("train all layers", epochs)
    assert [(record.unit, record.ratio) for record in records] == [("images/s", 2), ("s", 2), ("share", None)]
    assert panels(records) == {"Train all layers, resnet18 at 224 px, batch 32": records[:1]}


def test_the_floor_counts_a_multiplication_and_an_addition_as_two() -> None:
    # torchvision gives ResNet-18 1.81 billion multiply-adds, with 1,000 classes instead of 133.
    assert floor.operations(make_network(), IMAGE_SIZE) == pytest.approx(2 * 1.814e9, rel=0.005)
