"""A peer of training: timm's train.py as it is, an epoch at a time. Nothing of this project is in it.

    python bench/peers/timm_loop.py TRAIN_PY DATA WEIGHTS FOLDER

runs the script with options for the same work as bench/our_loop.py; before each epoch it waits for a line on the
standard input, and after it prints `Images per second: N` and `Accuracy: N`, and `done`. The script is no part of
timm's package: it stands in the repository huggingface/pytorch-image-models. It can train all layers only.
"""

import importlib.util
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

BATCH_SIZE = 32


def options(data: Path, weights: Path, folder: Path, num_classes: int) -> list[str]:
    return [
        *("--data-dir", str(data), "--val-split", "valid", "--num-classes", str(num_classes), "--output", str(folder)),
        *("--model", "resnet18", "--initial-checkpoint", str(weights), "--batch-size", str(BATCH_SIZE)),
        *("--opt", "adam", "--lr", "0.001", "--weight-decay", "0", "--epochs", "10000", "--warmup-epochs", "0"),
        *(
            "--crop-pct",
            "0.875",
            "--scale",
            "0.35",
            "1.0",
            "--color-jitter",
            "0",
            "--train-interpolation",
            "bilinear",
            "--smoothing",
            "0",
        ),
        *device_options(),
        *("--channels-last", "--workers", str(os.cpu_count() or 1)),
        *("--checkpoint-hist", "1", "--log-interval", "10000"),
    ]


def device_options() -> list[str]:
    """On a GPU in bfloat16, as this project trains there."""
    if torch.cuda.is_available():
        return ["--device", "cuda", "--amp", "--amp-dtype", "bfloat16"]
    return ["--device", "cpu", "--no-prefetcher"]


def load(script: Path) -> Any:
    spec = importlib.util.spec_from_file_location("timm_train", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wait_before_each_epoch(script: Any) -> None:
    """Replace the script's two functions of an epoch by ones that wait, call them, and print what they did."""
    train, validate = script.train_one_epoch, script.validate

    def timed_train(epoch: int, model: Any, loader: Any, *arguments: Any, **named: Any) -> Any:
        print("done" if epoch else "ready", flush=True)
        if not sys.stdin.readline():
            sys.exit(0)
        started = time.perf_counter()
        result = train(epoch, model, loader, *arguments, **named)
        speed = len(loader) * BATCH_SIZE / (time.perf_counter() - started)  # it drops a last batch that is not full
        print(f"Images per second: {speed:.6f}", flush=True)
        return result

    def told_validate(*arguments: Any, **named: Any) -> Any:
        result = validate(*arguments, **named)
        print(f"Accuracy: {result['top1'] / 100:.6f}", flush=True)
        return result

    script.train_one_epoch, script.validate = timed_train, told_validate


def main(script_path: Path, data: Path, weights: Path, folder: Path) -> None:
    num_classes = sum(path.is_dir() for path in (data / "train").iterdir())
    sys.argv = [str(script_path), *options(data, weights, folder, num_classes)]
    script = load(script_path)
    wait_before_each_epoch(script)
    script.main()


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:5]))
