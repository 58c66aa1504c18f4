"""What is given to an image that takes what ours takes: pictures, a request, and a job that is trained in seconds."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from container import contract
from local_test.check_contract.subject import Lines, Request, Training, json_lines

COLOURS = {"red": (200, 40, 40), "green": (40, 190, 60), "blue": (50, 60, 210)}
PER_CLASS = {"train": 8, "valid": 3}
PICTURE_SIDE = 48  # pixels
# The backbone that is quickest to train, at the smallest size.
HYPERPARAMETERS = {
    "backbone": "squeezenet1_1",
    "pretrained": "none",
    "fine_tune": "all",
    "image_size": "32",
    "batch_size": "8",
    "num_epochs": "2",
    "workers": "0",
    "learning_rate": "0.001",
    "precisions": "fp32",
    "debugger": "false",
}
ENDLESS = {"num_epochs": "9999"}
RESUMED = r"Resuming from \S+checkpoint"
ASYNCHRONOUS_ENVIRONMENT = {"SERVE_MAX_BODY_BYTES": str(2**30), "SERVE_TIMEOUT_SECONDS": "3600"}
MULTI_MODEL_ENVIRONMENT = {"SERVE_MAX_MODELS_MIB": "96"}  # soon full, even of small models


def picture(colour: tuple[int, int, int] = COLOURS["red"], seed: int = 0) -> bytes:
    """A small noisy JPEG."""
    noise = np.random.default_rng(seed).normal(colour, 45, (PICTURE_SIDE, PICTURE_SIDE, 3))
    file = io.BytesIO()
    Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


def example_request() -> Request:
    return Request(picture(), "image/jpeg")


def example_lines(photo: bytes) -> Lines:
    return json_lines([{"b64": base64.b64encode(photo).decode()} for _ in range(3)])


def example_training(folder: Path) -> Training:
    """A job on pictures that are drawn into the folder."""
    for channel, per_class in PER_CLASS.items():
        for name, colour in COLOURS.items():
            class_dir = folder / channel / name
            class_dir.mkdir(parents=True)
            for number in range(per_class):
                seed = hash_free_seed(channel, name, number)
                (class_dir / f"{number}.jpg").write_bytes(picture(colour, seed))
    return Training(
        channels={channel: folder / channel for channel in PER_CLASS},
        hyperparameters=HYPERPARAMETERS,
        endless=ENDLESS,
        metric=contract.metric_regex("Average loss"),
        resumed=RESUMED,
    )


def hash_free_seed(channel: str, name: str, number: int) -> int:
    """Another one for every picture, the same in every run."""
    return (list(PER_CLASS).index(channel) * len(COLOURS) + list(COLOURS).index(name)) * 1000 + number
