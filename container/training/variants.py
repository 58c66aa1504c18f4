"""The exported model in fewer bits: bf16 and int8 artifacts beside model.pt, each kept only if it is worth having."""

import math
import platform
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from container.data.channels import Channel
from container.errors import ArtifactError
from container.model.artifact import PARTIAL_SUFFIX, Artifact, load_artifact, save_artifact
from container.model.low_precision import LowPrecision, to_bf16, to_int8
from container.model.network import Network
from container.model.precision import CPU_FLAGS, PRECISIONS, cpu_flags, variant_path
from container.model.preprocess import Preprocess, decode_side
from container.training.variant_trial import IMAGES_PER_BATCH, Score, images, measure_accuracy, measure_speed, sample

LARGEST_LOSS = Fraction("0.005")  # of top-1 accuracy on the valid channel, against model.pt on the same images
SMALLEST_SPEED = 1.05  # times fp32's, at every batch size measured; less is noise
CALIBRATION_IMAGES = 128  # of the train channel, to measure the ranges of activations on
MEASURED_IMAGES = 1000  # of the valid channel, at most
FEWEST_IMAGES = 100  # or all of the valid channel: on fewer a loss of half a point cannot be seen
SECONDS = 150  # after which calibration and measurements end with the images that they have seen

Batch = tuple[list[Tensor], Tensor]
Trial = dict[str, Any]  # what metrics.json says of one variant
LOW_PRECISIONS = tuple(name for name in PRECISIONS if name != "fp32")


def remove_variants(model_dir: Path) -> None:
    """Forget those of an earlier export, which are another model's, and parts of any that was killed."""
    for precision in LOW_PRECISIONS:
        variant_path(model_dir, precision).unlink(missing_ok=True)
    for precision in PRECISIONS:
        variant_path(model_dir, precision).with_suffix(PARTIAL_SUFFIX).unlink(missing_ok=True)


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
    then nothing is written. A variant that cannot be made, run or written is dropped with a reason, never an error.
    Raises UserError or OSError for an image that cannot be read any more.
    """
    deadline = time.monotonic() + SECONDS

    def go_on() -> bool:
        check()
        return time.monotonic() < deadline

    fp32 = load_artifact(model_path)
    trials = {name: new_trial(name) for name in LOW_PRECISIONS}
    converted = _convert(preprocess, network, splits["train"], seed, go_on, trials)
    with TemporaryDirectory() as folder:
        artifacts = {"fp32": fp32, **_load(Path(folder), preprocess, converted, fp32, trials)}
    _measure(artifacts, preprocess.image_size, splits["valid"], seed, go_on, trials)
    for precision, trial in trials.items():
        if trial["kept"]:
            card = {**fp32.card, "precision": precision, "measured": trial}
            path = variant_path(model_path.parent, precision)
            try:
                save_artifact(path, preprocess, converted[precision], fp32.class_names, card)
            except ArtifactError as error:  # a full disk
                trial |= {"kept": False, "reason": str(error).rstrip(".")}
    return list(trials.values())


def new_trial(precision: str) -> Trial:
    """What is known before anything is measured: what a server must compare its own processor with."""
    relevant = sorted(cpu_flags() & CPU_FLAGS[precision])
    return {"precision": precision, "kept": False, "architecture": platform.machine(), "cpu_flags": relevant}


def sentence(trial: Trial) -> str:
    """What became of a variant, for the log: kept or dropped, and why."""
    kept = "kept" if trial["kept"] else "dropped"
    return f"Variant {trial['precision']} {kept}: {trial['reason']}."


def is_faster(speed: dict[str, float]) -> bool:
    """Whether it is worth having by its speed, times fp32's by batch size."""
    return min(speed.values()) >= SMALLEST_SPEED


def is_accurate(hits: int, fp32_hits: int, num_images: int) -> bool:
    """Whether its top-1 accuracy on the same images is at most half a point below fp32's."""
    return Fraction(fp32_hits - hits, num_images) <= LARGEST_LOSS


def judge(trial: Trial, score: Score, num_valid: int) -> None:
    """Complete the trial of a variant that is faster: accuracy, `kept` and the reason.

    `num_valid` is how many images the valid channel has.
    """
    num_images, precision = score.num_images, trial["precision"]
    if num_images < min(FEWEST_IMAGES, num_valid):
        trial["reason"] = f"in {SECONDS} s there was time for {num_images} images of the valid channel only"
        return
    trial["kept"] = is_accurate(score.hits[precision], score.hits["fp32"], num_images)
    before, after = score.accuracy("fp32"), score.accuracy(precision)
    trial |= {"accuracy": after, "fp32_accuracy": before, "num_images": num_images}
    trial["reason"] = (
        f"top-1 {after:.1%} against {before:.1%} in fp32 on {num_images} images of the valid channel, "
        + _speed_text(trial["speed"])
    )


def _convert(
    preprocess: Preprocess,
    network: Network,
    train: Channel,
    seed: int,
    go_on: Callable[[], bool],
    trials: dict[str, Trial],
) -> dict[str, LowPrecision]:
    chosen = sample(train, CALIBRATION_IMAGES, seed)
    batches = _shown("calibrating int8", chosen, images(train, chosen, decode_side(preprocess.image_size)))
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
    image_size: int,
    valid: Channel,
    seed: int,
    go_on: Callable[[], bool],
    trials: dict[str, Trial],
) -> None:
    """Fill in each trial's speed, and of those that are faster than fp32 the accuracy, `kept` and the reason."""
    for precision, speed in measure_speed(artifacts, image_size, go_on).items():
        trials[precision]["speed"] = speed
        trials[precision]["reason"] = f"{_speed_text(speed)}, less than {SMALLEST_SPEED}"
    faster = [trial for trial in trials.values() if "speed" in trial and is_faster(trial["speed"])]
    if not faster:
        return
    compared = {name: artifacts[name] for name in ("fp32", *(trial["precision"] for trial in faster))}
    positions = sample(valid, MEASURED_IMAGES, seed)
    batches = images(valid, positions, decode_side(image_size))
    score = measure_accuracy(compared, _shown(f"comparing {' and '.join(compared)}", positions, batches), go_on)
    for trial in faster:
        judge(trial, score, len(valid))


def _shown(what: str, positions: list[int], batches: Iterator[Batch]) -> Iterator[Batch]:
    """The batches of these positions, counted on a terminal."""
    total = math.ceil(len(positions) / IMAGES_PER_BATCH)
    return iter(tqdm(batches, what, total, unit="batch", disable=None, leave=False))


def _speed_text(speed: dict[str, float]) -> str:
    by_batch_size = " and ".join(f"{ratio:.2f} (batch of {size})" for size, ratio in speed.items())
    return f"speed {by_batch_size} times fp32's"
