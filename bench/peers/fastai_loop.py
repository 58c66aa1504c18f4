"""A peer of training: fastai's learner with its own defaults. Nothing of this project is in it.

    python bench/peers/fastai_loop.py DATA head|all WEIGHTS EPOCHS

Trains EPOCHS epochs in one fit, each after a line on its standard input; then it prints `Images per second: N` and
`Accuracy: N`, and `done`. `head` is a frozen fit: `freeze` and `fit_one_cycle`; `all` is `fine_tune`, of whose epochs
the first trains the head. fastai puts two linear layers on the backbone, and drops a last batch that is not full.
"""

import sys
import time
from pathlib import Path

import torch
from fastai.vision.all import (
    Callback,
    DataLoaders,
    Flip,
    ImageDataLoaders,
    Learner,
    RandomResizedCrop,
    accuracy,
    resnet18,
    vision_learner,
)

BATCH_SIZE = 32
# fastai cuts the network before its pooling and numbers what is left.
NUMBERS = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


class OnCommand(Callback):  # type: ignore[misc]  # fastai is not installed where types are checked
    order = 60  # after the recorder, whose values it prints

    def __init__(self) -> None:
        self.started = 0.0
        self.has_trained = False

    def before_epoch(self) -> None:
        print("done" if self.has_trained else "ready", flush=True)
        if not sys.stdin.readline():
            sys.exit(0)

    def before_train(self) -> None:
        self.started = time.perf_counter()

    def after_train(self) -> None:
        num_images = len(self.dls.train) * BATCH_SIZE
        print(f"Images per second: {num_images / (time.perf_counter() - self.started):.6f}", flush=True)
        self.has_trained = True

    def after_epoch(self) -> None:
        print(f"Accuracy: {self.recorder.values[-1][-1]:.6f}", flush=True)


def make_learner(data: DataLoaders, weights: Path) -> Learner:
    learner = vision_learner(data, resnet18, pretrained=False, metrics=accuracy)
    state = torch.load(weights, weights_only=True)
    body = {}
    for name, tensor in state.items():
        first, _, rest = name.partition(".")
        if first in NUMBERS:
            body[f"{NUMBERS[first]}.{rest}"] = tensor
    learner.model[0].load_state_dict(body)
    return learner


def main(data: Path, trained: str, weights: Path, epochs: int) -> None:
    loaders = ImageDataLoaders.from_folder(
        data,
        train="train",
        valid="valid",
        item_tfms=RandomResizedCrop(224, min_scale=0.35),
        batch_tfms=Flip(),
        bs=BATCH_SIZE,
    )
    learner = make_learner(loaders, weights)
    command = OnCommand()
    with learner.no_bar(), learner.no_logging():
        if trained == "head":
            learner.freeze()
            learner.fit_one_cycle(epochs, cbs=command)
        else:
            learner.fine_tune(epochs - 1, cbs=command)  # after one epoch of the head
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
