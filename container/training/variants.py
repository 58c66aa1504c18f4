"""The exported model in fewer bits: bf16 and int8 artifacts beside model.pt, each kept only if it is worth having."""

import time
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from container.data.channels import Channel
from container.errors import ArtifactError
from container.model.artifact import Artifact, load_artifact, save_artifact
from container.model.low_precision import LowPrecision, to_bf16, to_int8
from container.model.network import Network
from container.model.precision import PRECISIONS, variant_path
from container.model.preprocess import Preprocess, decode_side
from container.training.variant_trial import Score, images, measure_accuracy, measure_speed, sample

LARGEST_LOSS = 0.005  # of top-1 accuracy on the valid channel, against model.pt on the same images
SMALLEST_SPEED = 1.05  # times fp32's, at every batch size measured; less is noise
CALIBRATION_IMAGES = 128  # of the train channel, to measure the ranges of activations on
MEASURED_IMAGES = 1000  # of the valid channel, at most
SECONDS = 150  # after which calibration and measurements end with the images that they have seen

Trial = dict[str, Any]  # what metrics.json says of one variant
LOW_PRECISIONS = tuple(name for name in PRECISIONS if name != "fp32")


def remove_variants(model_dir: Path) -> None:
    """Forget those of an earlier export, which are another model's."""
    for precision in LOW_PRECISIONS:
        variant_path(model_dir, precision).unlink(missing_ok=True)


def add_variants(
    model_path: Path,
    preprocess: Preprocess,
    network: Network,
    splits: dict[str, Channel],
    seed: int,
    check: Callable[[], None],
) -> list[Trial]:
    """Try each low precision, write those that are kept beside model.pt, and return what was measured of all.

    `network` and `preprocess` are what model.pt holds, on the CPU. `check` is called between batches and may raise:
    then nothing is written. A network that cannot be converted is dropped with a reason, never an error.
    """
    deadline = time.monotonic() + SECONDS

    def go_on() -> bool:
        check()
        return time.monotonic() < deadline

    fp32 = load_artifact(model_path)
    trials: dict[str, Trial] = {name: {"precision": name, "kept": False} for name in LOW_PRECISIONS}
    converted = _convert(preprocess, network, splits["train"], seed, go_on, trials)
    with TemporaryDirectory() as folder:
        artifacts = {"fp32": fp32, **_load(Path(folder), preprocess, converted, fp32, trials)}
    _measure(artifacts, preprocess, splits["valid"], seed, go_on, trials)
    for precision, trial in trials.items():
        if trial["kept"]:
            card = {**fp32.card, "precision": precision, "measured": trial}
            path = variant_path(model_path.parent, precision)
            save_artifact(path, preprocess, converted[precision], fp32.class_names, card)
    return list(trials.values())


def sentence(trial: Trial) -> str:
    """What became of a variant, for the log: kept or dropped, and why."""
    kept = "kept" if trial["kept"] else "dropped"
    return f"Variant {trial['precision']} {kept}: {trial['reason']}."


def _convert(
    preprocess: Preprocess,
    network: Network,
    train: Channel,
    seed: int,
    go_on: Callable[[], bool],
    trials: dict[str, Trial],
) -> dict[str, LowPrecision]:
    chosen = sample(train, CALIBRATION_IMAGES, seed)
    batches = images(train, chosen, decode_side(preprocess.image_size))
    views = (preprocess(decoded) for decoded, _ in takewhile(lambda _: go_on(), batches))  # (n, 3, S, S) each
    converted = {"bf16": to_bf16(network)}
    try:
        converted["int8"] = to_int8(network, views)
    except ArtifactError as error:
        trials["int8"]["reason"] = str(error)
    return converted


def _load(
    folder: Path,
    preprocess: Preprocess,
    converted: dict[str, LowPrecision],
    fp32: Artifact,
    trials: dict[str, Trial],
) -> dict[str, Artifact]:
    """The candidates as a server will have them: saved, loaded, and run once, as some fail only then."""
    artifacts = {}
    blank = torch.zeros(3, preprocess.image_size, preprocess.image_size, dtype=torch.uint8)
    for precision, network in converted.items():
        path = variant_path(folder, precision)
        try:
            save_artifact(path, preprocess, network, fp32.class_names, {})
            trials[precision]["megabytes"] = round(path.stat().st_size / 1e6, 1)
            artifact = load_artifact(path)
            artifact.logits([blank])
        except Exception as error:  # operators that TorchScript or this processor lacks
            *_, reason = type(error).__name__, *str(error).strip().splitlines()
            trials[precision]["reason"] = f"the converted network cannot be run: {reason.rstrip('.')}"
        else:
            artifacts[precision] = artifact
    return artifacts


def _measure(
    artifacts: dict[str, Artifact],
    preprocess: Preprocess,
    valid: Channel,
    seed: int,
    go_on: Callable[[], bool],
    trials: dict[str, Trial],
) -> None:
    """Fill in each trial's speed, and of those that are faster than fp32 the accuracy, `kept` and the reason."""
    for precision, speed in measure_speed(artifacts, preprocess.image_size, go_on).items():
        trials[precision]["speed"] = speed
        trials[precision]["reason"] = f"{_speed_text(speed)}, which is not faster than fp32"
    faster = {name: artifact for name, artifact in artifacts.items() if _is_faster(name, trials)}
    if len(faster) == 1:
        return
    positions = sample(valid, MEASURED_IMAGES, seed)
    score = measure_accuracy(faster, images(valid, positions, decode_side(preprocess.image_size)), go_on)
    for precision in faster.keys() - {"fp32"}:
        _judge(trials[precision], score)


def _is_faster(name: str, trials: dict[str, Trial]) -> bool:
    return name == "fp32" or min(trials[name]["speed"].values()) >= SMALLEST_SPEED


def _judge(trial: Trial, score: Score) -> None:
    before, after = score.accuracy("fp32"), score.accuracy(trial["precision"])
    trial["kept"] = before - after <= LARGEST_LOSS + 1e-9  # a float's rounding
    trial |= {"accuracy": after, "fp32_accuracy": before, "num_images": score.num_images}
    trial["reason"] = (
        f"top-1 {after:.1%} against {before:.1%} in fp32 on {score.num_images} images of the valid channel, "
        + _speed_text(trial["speed"])
    )


def _speed_text(speed: dict[str, float]) -> str:
    by_batch_size = " and ".join(f"{ratio:.1f} (batch of {size})" for size, ratio in speed.items())
    return f"{by_batch_size} times fp32's speed"
