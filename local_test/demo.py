"""The whole story on this machine, without AWS or Docker: images -> training -> artifact -> server -> labels."""

import argparse
import json
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from container import contract
from container.errors import TrainingError, UserError
from local_test.colour_histogram import baseline_accuracy
from local_test.invoke import InvocationError, invoke, print_prediction
from local_test.opt_ml import Run, find_channels, lay_out
from local_test.sample_data import make_sample_data
from local_test.serve_local import ServerError, free_port, server
from local_test.train_local import INTERRUPTED, train_in_process

# The sample images are drawn, so ImageNet's features owe them nothing: a small network trained from scratch, at a size
# that two cores train in a minute and a half.
SAMPLE_HYPERPARAMETERS = {
    "pretrained": "none",
    "fine_tune": "all",
    "image_size": "64",
    "head": "linear",
    "num_epochs": "10",
    "batch_size": "16",
    "learning_rate": "0.001",
    "optimizer": "adamw",
    "augment": "basic",
    "warmup_epochs": "1",
}
OWN_HYPERPARAMETERS = {
    "pretrained": "imagenet",
    "fine_tune": "head",
    "num_epochs": "5",
    "batch_size": "32",
    "learning_rate": "0.003",
}
WEIGHTS_HOST = "https://download.pytorch.org/models/resnet18-f37072fd.pth"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local_test.demo", description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="your own images: one folder per class, or train/ valid/ test/ of those"
    )
    parser.add_argument("--run", type=Path, default=Path("runs/demo"), help="folder for the run, emptied first")
    options = parser.parse_args()
    try:
        demonstrate(options.data, options.run)
    except (UserError, ServerError, InvocationError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
        return INTERRUPTED
    return 0


def demonstrate(own_data: Path | None, run_dir: Path) -> None:
    started = time.monotonic()
    with step("Images"):
        data = own_data or make_sample_data(Path("data/sample"))
        channels = find_channels(data)
        print(f"{data}: {', '.join(channels)}")
    with step("Training"):
        shutil.rmtree(run_dir, ignore_errors=True)
        hyperparameters = choose_hyperparameters() if own_data else SAMPLE_HYPERPARAMETERS
        run = lay_out(run_dir, hyperparameters, channels, link=True)
        status = train_in_process(run)
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        if status:
            raise TrainingError(f"Training failed: {run.failure or 'its lines above say why'}")
    with step("Serving"):
        image_path = first_image(channels)
        with server(run, image=None, port=free_port(), quiet=True) as url:
            print(f"curl --data-binary @{image_path} -H 'Content-Type: image/jpeg' {url}/invocations\n")
            print_prediction(image_path, invoke(url, image_path, top_k=5))
    with step("Result"):
        print_result(run, channels)
    print(f"\nEverything is stopped. {time.monotonic() - started:.0f} s; curves and reports: {run.metrics_path.parent}")
    print(f"What the rules and the profiler say of it: {run.metrics_path.parent / contract.PROFILER_REPORT_DIR}/")
    print(f"Serve it again: .venv/bin/python -m local_test.serve_local {run_dir} --no-docker")


@contextmanager
def step(name: str) -> Iterator[None]:
    print(f"\n── {name} " + "─" * (60 - len(name)), flush=True)
    yield


def choose_hyperparameters() -> dict[str, str]:
    """For a person's own photos: ImageNet's weights where they can be had, random ones, and a warning, where not."""
    try:
        request = urllib.request.Request(WEIGHTS_HOST, method="HEAD")
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310
    except OSError as error:
        print(f"ImageNet weights cannot be downloaded ({error}): training from random weights, which takes longer and")
        print("needs many images. For good results go online once, or give train_local a folder by --weights.")
        return {**SAMPLE_HYPERPARAMETERS, "image_size": "128"}
    return OWN_HYPERPARAMETERS


def print_result(run: Run, channels: dict[str, Path]) -> None:
    """The test accuracy, beside what needs no network: chance, and a linear model on colour histograms."""
    metrics = json.loads(run.metrics_path.read_text())
    if "test" not in channels:
        print(f"validation accuracy  {metrics['valid']['accuracy']:7.1%}   (there is no test folder)")
        return
    print(f"test accuracy        {metrics['test']['accuracy']:7.1%}")
    print(f"colour histogram     {baseline_accuracy(channels['train'], channels['test']):7.1%}   (colours, no shapes)")
    print(f"chance               {1 / metrics['num_classes']:7.1%}   ({metrics['num_classes']} classes)")


def first_image(channels: dict[str, Path]) -> Path:
    """An image that the network was not trained on, where there is a test channel."""
    files = (path for path in sorted((channels.get("test") or channels["train"]).rglob("*")) if path.is_file())
    return next(path for path in files if not path.name.startswith("."))


if __name__ == "__main__":
    sys.exit(main())
