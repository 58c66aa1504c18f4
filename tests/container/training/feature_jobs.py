"""Jobs that train on cached features, and what they have computed and come to."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from container.contract import FEATURES_DIR_VARIABLE
from container.data.decode import decode_image
from container.model.artifact import load_artifact
from tests.job_folder import WITHOUT_PICTURES, JobFolder, TrainingProcess

HEAD = {
    "fine_tune": "head",
    "head": "seed",
    "augment": "basic",
    "num_epochs": 3,
    "cached_views": 3,
    "learning_rate": 0.01,
    "feature_cache": "on",
    **WITHOUT_PICTURES,
}
FORWARD = "container.training.features:JobFeatures._forward"  # of a batch of images: here one is a whole view
# Of losses and weights. In float32 features differ from those that the network computes batch by batch by the order
# of sums in batches of other sizes alone, about 1e-6 of their size; the head's batch normalisation and Adam make more
# of it.
TOLERANCE = 1e-4
# In float16 they differ by 2e-4 of their size, and the losses of a few epochs by as much as this.
ROUNDED_TOLERANCE = 5e-4
VIEWS = ("train, view 1 of 3", "valid", "train, view 2 of 3", "train, view 3 of 3", "test")  # in the order of use
EVERY_VIEW = Counter(VIEWS)


def make(folder: JobFolder, like: JobFolder | None = None, **options: Any) -> JobFolder:
    folder.configure(**{**HEAD, **options})
    return folder.share_channels(like) if like else folder.add_channels(train=8, valid=4, test=3)


def computed(*outputs: str) -> Counter[str]:
    """How often each view was computed, by what jobs have printed."""
    return Counter(name for output in outputs for name in re.findall(r"Computed features of (.*?): ", output))


def losses(folder: JobFolder) -> list[float]:
    metrics = folder.metrics
    of_epochs = [record[name] for record in metrics["history"] for name in ("train_loss", "valid_loss")]
    return [*of_epochs, metrics["valid"]["loss"], metrics["test"]["loss"]]


def accuracies(folder: JobFolder) -> list[float]:
    names = ("train_accuracy", "valid_accuracy", "valid_top5_accuracy")
    return [record[name] for record in folder.metrics["history"] for name in names]


def labels(folder: JobFolder) -> list[int]:
    """What the exported model takes the test pictures for."""
    paths = sorted((folder.data_dir / "test").rglob("*.jpg"))
    logits = load_artifact(folder.model_path).logits([decode_image(path.read_bytes()) for path in paths])
    return logits.argmax(1).tolist()


def assert_same_within(tolerance: float, found: JobFolder, wanted: JobFolder) -> None:
    assert losses(found) == pytest.approx(losses(wanted), abs=tolerance)
    assert accuracies(found) == accuracies(wanted)
    assert labels(found) == labels(wanted)
    assert found.metrics["best_epoch"] == wanted.metrics["best_epoch"]


def largest_difference(one: JobFolder, two: JobFolder) -> float:
    weights, others = one.weights(), two.weights()
    assert weights.keys() == others.keys()
    return max(float((value.float() - others[name].float()).abs().max()) for name, value in weights.items())


def start(folder: JobFolder, features_dir: Path | None = None, **options: Any) -> TrainingProcess:
    """The job in a process of its own, with its features in a folder that others may share."""
    return folder.start(**options, **({FEATURES_DIR_VARIABLE: features_dir} if features_dir else {}))


def finish(process: TrainingProcess) -> str:
    """What the process has printed, once it has ended well."""
    assert process.wait() == 0, process.output
    return process.output
