"""Real artifacts throughout; only how long they take is made up, as no test may hang on what else a machine does."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from container.data.channels import Channel, read_channel
from container.errors import ImageError
from container.model.artifact import load_artifact, save_artifact
from container.model.low_precision import LowPrecision, to_int8
from container.model.network import Network
from container.model.precision import choose_variant, variant_path
from container.model.preprocess import Preprocess
from container.stop import Stopped
from container.training import variants
from container.training.variant_trial import Score
from container.training.variants import (
    SMALLEST_SPEED,
    add_variants,
    is_accurate,
    is_faster,
    judge,
    new_trial,
    remove_variants,
    sentence,
)
from tests.container.model.lively import SIZE, make_network
from tests.job_folder import CLASS_NAMES, write_class_folders
from tests.small_disk import small_disk

FASTER, SLOWER = {"1": 2.5, "8": 2.0}, {"1": 0.5}


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Channel]:
    """Twelve pictures of each colour to train on, five to validate with."""
    folder = tmp_path_factory.mktemp("data")
    counts = {"train": 12, "valid": 5}
    return {
        name: read_channel(name, write_class_folders(folder / name, count, seed), max_corrupt_share=0)
        for seed, (name, count) in enumerate(counts.items())
    }


class Colours(nn.Module):
    """Features (N, 3): each colour's mean and `offset`: far from zero, numbers of few bits lie far apart."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
            self.layer.bias.fill_(offset)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images).mean((2, 3))


def colour_network(offset: float = 0.0) -> Network:
    """A network that names red, green and blue pictures rightly in fp32."""
    network = Network(Colours(offset), 3, 3, "linear", "head").eval()
    with torch.no_grad():
        network.head[0].weight.copy_(torch.eye(3))
        network.head[0].bias.zero_()
    return network


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    return tmp_path / "model" / "model.pt"


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, float]]:
    """What is measured of the speed; a test may change it."""
    made_up = {"bf16": FASTER, "int8": FASTER}
    monkeypatch.setattr(
        variants, "measure_speed", lambda artifacts, *_: {name: made_up[name] for name in artifacts if name != "fp32"}
    )
    return made_up


def add(
    model_path: Path, network: Network, splits: dict[str, Channel], check: Callable[[], None] = lambda: None
) -> dict[str, dict[str, Any]]:
    """Export in fp32, then the variants; what became of each."""
    card = {"input_size": SIZE, "precision": "fp32", "job_name": "job"}
    save_artifact(model_path, Preprocess(SIZE), network, list(CLASS_NAMES), card)
    trials = add_variants(model_path, Preprocess(SIZE), network, splits, 0, check)
    return {trial["precision"]: trial for trial in trials}


def files(model_path: Path) -> list[str]:
    return sorted(path.name for path in model_path.parent.iterdir())


def test_what_is_faster_and_as_accurate_is_kept_with_a_card_that_says_what_was_measured(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]]
) -> None:
    network = colour_network()
    trials = add(model_path, network, splits)
    assert files(model_path) == ["model-bf16.pt", "model-int8.pt", "model.pt"]
    for name in ("bf16", "int8"):
        trial, artifact = trials[name], load_artifact(variant_path(model_path.parent, name))
        assert (trial["accuracy"], trial["fp32_accuracy"], trial["num_images"]) == (1.0, 1.0, 15)
        assert (trial["speed"], trial["kept"]) == (FASTER, True)
        assert artifact.card == {"input_size": SIZE, "precision": name, "job_name": "job", "measured": trial}
        assert artifact.precision == name
        assert artifact.class_names == list(CLASS_NAMES)
        assert sentence(trial) == (
            f"Variant {name} kept: top-1 100.0% against 100.0% in fp32 on 15 images of the valid channel, "
            "speed 2.50 (batch of 1) and 2.00 (batch of 8) times fp32's."
        )
    assert load_artifact(model_path).card == {"input_size": SIZE, "precision": "fp32", "job_name": "job"}


def test_what_a_server_takes_is_what_was_kept(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]]
) -> None:
    speeds["bf16"] = {"1": 3.0, "8": 3.0}
    add(model_path, colour_network(), splits)
    flags = frozenset({"avx512_bf16", "avx512_vnni"})
    assert choose_variant(model_path.parent, "auto", "cpu", flags).path.name == "model-bf16.pt"


def test_what_loses_accuracy_is_dropped(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]]
) -> None:
    # Around 1000 bfloat16's numbers are 4 apart, and int8's with all their range 8; the colours differ by 2.
    trials = add(model_path, colour_network(offset=1000.0), splits)
    for name, trial in trials.items():
        assert trial["fp32_accuracy"] == 1.0
        assert trial["accuracy"] < 0.9
        assert not trial["kept"]
        assert sentence(trial).startswith(f"Variant {name} dropped: top-1 {trial['accuracy']:.1%} against 100.0% in")
    assert files(model_path) == ["model.pt"]


def test_int8_calibrated_on_garbage_is_dropped_and_bf16_kept(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_garbage(network: Network, batches: Iterable[Tensor]) -> LowPrecision:
        return to_int8(network, (1000 * batch for batch in batches))

    monkeypatch.setattr(variants, "to_int8", with_garbage)
    trials = add(model_path, colour_network(), splits)
    assert trials["bf16"]["kept"]
    assert not trials["int8"]["kept"]
    assert trials["int8"]["accuracy"] < 0.5
    assert files(model_path) == ["model-bf16.pt", "model.pt"]


def test_what_is_not_faster_is_dropped_without_a_look_at_its_accuracy(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]]
) -> None:
    speeds["bf16"] = SLOWER
    trials = add(model_path, colour_network(), splits)
    assert sentence(trials["bf16"]) == "Variant bf16 dropped: speed 0.50 (batch of 1) times fp32's, less than 1.05."
    assert "accuracy" not in trials["bf16"]
    assert files(model_path) == ["model-int8.pt", "model.pt"]


class Undecided(Colours):
    """A way through it that depends on the images: TorchScript takes it, quantisation does not."""

    def forward(self, images: Tensor) -> Tensor:
        features = self.layer(images)
        if features.mean() > 100:
            features = -features
        return features.mean((2, 3))


def test_a_network_that_cannot_be_quantised_is_dropped_with_the_reason(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]]
) -> None:
    network = colour_network()
    network.backbone = Undecided(0.0)
    trials = add(model_path, network, splits)
    assert sentence(trials["int8"]).startswith(
        "Variant int8 dropped: the network cannot be converted to int8: symbolically traced variables"
    )
    assert files(model_path) == ["model-bf16.pt", "model.pt"]


def test_a_network_that_runs_in_float32_only_is_dropped_with_the_reason(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]]
) -> None:
    class Precise(Colours):
        def forward(self, images: Tensor) -> Tensor:
            return torch.matmul(self.layer(images).mean((2, 3)), torch.eye(3))

    network = colour_network()
    network.backbone = Precise(0.0)
    trials = add(model_path, network, splits)
    assert sentence(trials["bf16"]).startswith("Variant bf16 dropped: the converted network cannot be run: ")
    assert "dtype" in trials["bf16"]["reason"]
    assert "model-bf16.pt" not in files(model_path)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_any_backbone_is_kept_or_dropped_with_a_reason(model_path: Path, splits: dict[str, Channel], name: str) -> None:
    trials = add(model_path, make_network(name, num_classes=3), splits)
    assert trials.keys() == {"bf16", "int8"}
    for precision, trial in trials.items():
        assert variant_path(model_path.parent, precision).exists() == trial["kept"]
        assert len(sentence(trial)) > 50
        if trial["kept"]:
            assert min(trial["speed"].values()) >= SMALLEST_SPEED
            assert trial["fp32_accuracy"] - trial["accuracy"] <= 0.005
        assert trial["megabytes"] > 0
    assert load_artifact(model_path).precision == "fp32"


def test_a_stop_at_any_check_leaves_model_pt_alone(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]]
) -> None:
    num_checks = 0

    def count() -> None:
        nonlocal num_checks
        num_checks += 1

    add(model_path, colour_network(), splits, count)
    remove_variants(model_path.parent)
    assert num_checks == 7  # batches of eight: five of 36 pictures to calibrate with, two of 15 to measure on
    for stop_at in range(num_checks):
        calls = iter(range(num_checks))

        def check(calls=calls, stop_at=stop_at) -> None:  # type: ignore[no-untyped-def]
            if next(calls) == stop_at:
                raise Stopped

        with pytest.raises(Stopped):
            add(model_path, colour_network(), splits, check)
        assert files(model_path) == ["model.pt"]
        assert load_artifact(model_path).class_names == list(CLASS_NAMES)


def test_when_time_runs_out_before_enough_images_are_seen_a_variant_is_dropped(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0, *[1] * 5, *[1000] * 9])  # the deadline is set, five batches calibrate, then it has passed
    monkeypatch.setattr(variants.time, "monotonic", lambda: next(ticks))
    trials = add(model_path, colour_network(), splits)
    for trial in trials.values():
        assert trial["reason"] == "in 150 s there was time for 8 images of the valid channel only"
    assert files(model_path) == ["model.pt"]


def test_a_disk_that_is_full_is_a_reason_and_leaves_no_part_of_a_file(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_when_kept(path: Path, *rest: Any) -> None:
        with small_disk(1000 if path.parent == model_path.parent and path != model_path else 10**9):
            save_artifact(path, *rest)

    monkeypatch.setattr(variants, "save_artifact", full_when_kept)
    trials = add(model_path, colour_network(), splits)
    for trial in trials.values():
        assert not trial["kept"]
        assert "cannot be written: File too large" in trial["reason"]
    assert files(model_path) == ["model.pt"]


def test_a_full_temporary_folder_is_a_reason_too(
    model_path: Path, splits: dict[str, Channel], speeds: dict[str, dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_elsewhere(path: Path, *rest: Any) -> None:
        with small_disk(1000):
            save_artifact(path, *rest)

    monkeypatch.setattr(variants, "save_artifact", full_elsewhere)
    trials = add(model_path, colour_network(), splits)
    assert all("cannot be written" in trial["reason"] for trial in trials.values())
    assert files(model_path) == ["model.pt"]


def test_a_picture_that_has_gone_is_the_callers_to_know(
    model_path: Path, tmp_path: Path, splits: dict[str, Channel]
) -> None:
    valid = read_channel("valid", write_class_folders(tmp_path / "valid", 3), max_corrupt_share=0)
    for path in valid.files:
        path.write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"valid/.*\.jpg: These 8 bytes are not a JPEG"):
        add(model_path, colour_network(), {**splits, "train": valid})


def test_those_of_an_earlier_export_are_removed_with_parts_of_files(model_path: Path) -> None:
    names = ["model-bf16.pt", "model-int8.pt", "model-int8.partial", "model.partial", "model.pt", "notes.txt"]
    for name in names:
        (model_path.parent / name).touch()
    remove_variants(model_path.parent)
    assert files(model_path) == ["model.pt", "notes.txt"]
    remove_variants(model_path.parent / "missing")


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        ({"1": 1.05, "8": 1.05}, True),
        ({"1": 1.049, "8": 9.0}, False),
        ({"1": 9.0, "8": 1.049}, False),
        ({"1": 0.2}, False),
    ],
)
def test_a_variant_must_be_faster_at_every_batch_size(speed: dict[str, float], expected: bool) -> None:
    assert is_faster(speed) is expected


@pytest.mark.parametrize(
    ("lost", "num_images", "expected"),
    [
        (5, 1000, True),  # half a point to the digit, which a float would miss
        (6, 1000, False),
        (1, 200, True),
        (1, 199, False),
        (3, 600, True),
        (0, 1, True),
        (-4, 10, True),  # fewer bits may be right more often
    ],
)
def test_half_a_point_of_accuracy_may_be_lost_and_no_more(lost: int, num_images: int, expected: bool) -> None:
    fp32_hits = num_images // 2
    assert is_accurate(fp32_hits - lost, fp32_hits, num_images) is expected


@pytest.mark.parametrize(
    ("num_images", "num_valid", "kept"), [(100, 5000, True), (99, 5000, False), (99, 99, True), (8, 99, False)]
)
def test_accuracy_counts_only_on_enough_images(num_images: int, num_valid: int, kept: bool) -> None:
    trial = {**new_trial("int8"), "speed": FASTER}
    judge(trial, Score({"fp32": num_images, "int8": num_images}, num_images), num_valid)
    assert trial["kept"] is kept
    assert ("accuracy" in trial) is kept


def test_a_trial_says_on_what_processor_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "cpu_flags", lambda: frozenset({"fpu", "avx512_vnni", "avx_vnni", "avx512_bf16"}))
    monkeypatch.setattr(variants.platform, "machine", lambda: "x86_64")
    assert new_trial("int8") == {
        "precision": "int8",
        "kept": False,
        "architecture": "x86_64",
        "cpu_flags": ["avx512_vnni", "avx_vnni"],
    }
