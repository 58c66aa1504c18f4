"""Jobs that are cut off and go on, and what it means that two of them ended alike."""

from typing import Any

import torch
from torch import Tensor

from container.training.checkpoint import load_checkpoint
from tests.job_folder import WITHOUT_PICTURES, JobFolder

# Everything that draws random numbers: augmentation, dropout in the head, the order of the examples, the first weights.
# A checkpoint is due every second step; an epoch has three, the last of them with a smaller batch.
OPTIONS = {
    "fine_tune": "all",
    "augment": "basic",
    "head": "seed",
    "num_epochs": 2,
    "checkpoint_seconds": 1,
    "seed": 7,
    **WITHOUT_PICTURES,
}


def make_job(folder: JobFolder, *, pictures: bool = False, **options: object) -> JobFolder:
    left_out = WITHOUT_PICTURES.keys() if pictures else ()
    given = {name: value for name, value in {**OPTIONS, **options}.items() if name not in left_out}
    return folder.configure(**given).add_channels(train=8)


def assert_goes_on(folder: JobFolder, expected: JobFolder) -> None:
    """A checkpoint is there that can be loaded, and from it the job ends as one that nothing has happened to."""
    assert load_checkpoint(folder.checkpoint_dir) is not None
    again = folder.start()
    assert again.wait() == 0, again.output
    assert "Resuming from" in again.output
    assert_same_job(folder, expected)


def assert_same_job(folder: JobFolder, expected: JobFolder) -> None:
    """The exported weights, the weights at the end, the optimizer's state and every metric are equal, bit for bit."""
    assert_same(folder.weights(), expected.weights())
    assert len(folder.weights()) > 50
    ends = [load_checkpoint(job.checkpoint_dir) for job in (folder, expected)]
    assert_same(tensors(ends[0]), tensors(ends[1]))
    assert measurements(folder) == measurements(expected)
    names = ("best_epoch", "epochs_trained", "valid", "data_fingerprint", "stopped")
    assert {name: folder.metrics[name] for name in names} == {name: expected.metrics[name] for name in names}


def tensors(value: Any, name: str = "") -> dict[str, Tensor]:
    """Every tensor in nested dictionaries and lists."""
    if isinstance(value, Tensor):
        return {name: value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path: tensor for key, item in items for path, tensor in tensors(item, f"{name}/{key}").items()}


def measurements(folder: JobFolder) -> list[dict[str, float]]:
    """Every epoch's metrics but the speed."""
    return [{**record, "images_per_second": 0.0} for record in folder.metrics["history"]]


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []
