"""The whole story on this machine, without AWS or Docker: images -> training -> artifact -> server -> labels.

On a terminal the server goes on afterwards, with a page to drop pictures on, until Ctrl-C.
"""

import argparse
import json
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from container import contract
from container.errors import TrainingError, UserError
from local_test.interrupts import INTERRUPTED, NOTHING_LEFT, exit_status
from local_test.invoke import InvocationError, invoke, print_prediction
from local_test.open_page import open_page
from local_test.opt_ml import Run, find_channels, lay_out
from local_test.page_samples import copy_samples
from local_test.sample_data import make_sample_data
from local_test.serve_local import ServerError, free_port, is_free, server
from local_test.train_local import pair, train_in_process

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
EXAMPLES = """examples:
  python -m local_test.demo
  python -m local_test.demo --data photos --run runs/photos -p num_epochs=3
  python -m local_test.demo --once            stop after one image, as where the output is no terminal"""


def main(arguments: list[str] | None = None) -> int:
    """0 at the end, which on a terminal Ctrl-C brings; 1 with a sentence. KeyboardInterrupt before the server is up."""
    options = parse(arguments)
    try:
        demonstrate(
            options.data,
            options.run,
            parameters=dict(options.parameters),
            port=options.port,
            keeps_serving=sys.stdout.isatty() and not options.once,
        )
    except (UserError, ServerError, InvocationError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.demo",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data", type=Path, help="your own images: one folder per class, or train/ valid/ test/ of those"
    )
    parser.add_argument("--run", type=Path, default=Path("runs/demo"), help="folder for the run, emptied first")
    parser.add_argument("--port", type=int, default=0, help="port on localhost (default: 8080, or another free one)")
    parser.add_argument("--once", action="store_true", help="stop after one image, on a terminal too")
    parser.add_argument(
        "-p", dest="parameters", metavar="NAME=VALUE", type=pair, action="append", default=[], help="a hyperparameter"
    )
    return parser.parse_args(arguments)


def demonstrate(
    own_data: Path | None,
    run_dir: Path,
    *,
    parameters: dict[str, str] | None = None,
    port: int = 0,
    keeps_serving: bool = False,
) -> None:
    """Raises UserError, ServerError, InvocationError, and KeyboardInterrupt where that comes before the server."""
    started = time.monotonic()
    with step("Images"):
        data = own_data or make_sample_data(Path("data/sample"))
        channels = find_channels(data)
        print(f"{data}: {', '.join(channels)}")
    with step("Training"):
        run = train(run_dir, channels, is_own=own_data is not None, parameters=parameters or {})
    with step("Serving"):
        copy_samples(channels, run.root)
        image_path = first_image(channels)
        with server(run, image=None, port=port or choose_port(), quiet=True) as url:
            print(f"curl --data-binary @{image_path} -H 'Content-Type: image/jpeg' {url}/invocations\n")
            print_prediction(image_path, invoke(url, image_path, top_k=5))
            if keeps_serving:
                with step("Result"):
                    print_result(run, channels)
                print()
                print_files(run, run_dir)
                with step("In your browser"):
                    wait_in_browser(url, time.monotonic() - started)
                return
    with step("Result"):
        print_result(run, channels)
    print(f"\nEverything is stopped. {time.monotonic() - started:.0f} s", end="; ")
    print_files(run, run_dir)


def train(run_dir: Path, channels: dict[str, Path], *, is_own: bool, parameters: dict[str, str]) -> Run:
    """The run, trained anew. Raises TrainingError, and KeyboardInterrupt once a stopped job has ended."""
    shutil.rmtree(run_dir, ignore_errors=True)
    chosen = choose_hyperparameters(parameters) if is_own else SAMPLE_HYPERPARAMETERS
    run = lay_out(run_dir, {**chosen, **parameters}, channels, link=True)
    status = train_in_process(run)
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        raise TrainingError(f"Training failed: {run.failure or 'its lines above say why'}")
    return run


def wait_in_browser(url: str, seconds: float) -> None:
    """Until Ctrl-C, which is the way to end it."""
    is_open = open_page(url)
    what = "a browser was asked to show it" if is_open else "open it in a browser"
    print(f"{url}   ({what}; {seconds:.0f} s since the start)")
    print("Drop a picture there, or click on one. Ctrl-C stops the server.", flush=True)
    with suppress(KeyboardInterrupt):
        signal.pause()
    with suppress(OSError):  # the terminal has been closed
        print(NOTHING_LEFT)


@contextmanager
def step(name: str) -> Iterator[None]:
    print(f"\n── {name} " + "─" * (60 - len(name)), flush=True)
    yield


def choose_port() -> int:
    return contract.DEFAULT_PORT if is_free(contract.DEFAULT_PORT) else free_port()


def choose_hyperparameters(parameters: dict[str, str]) -> dict[str, str]:
    """For a person's own photos: ImageNet's weights where they can be had, random ones, and a warning, where not."""
    if parameters.get("pretrained", "imagenet") != "imagenet":
        return OWN_HYPERPARAMETERS
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
    from local_test.colour_histogram import baseline_accuracy  # imports torch, for which the first line would wait

    print(f"test accuracy        {metrics['test']['accuracy']:7.1%}")
    print(f"colour histogram     {baseline_accuracy(channels['train'], channels['test']):7.1%}   (colours, no shapes)")
    print(f"chance               {1 / metrics['num_classes']:7.1%}   ({metrics['num_classes']} classes)")


def print_files(run: Run, run_dir: Path) -> None:
    print(f"curves and reports: {run.metrics_path.parent}")
    print(f"What the rules and the profiler say of it: {run.metrics_path.parent / contract.PROFILER_REPORT_DIR}/")
    print(f"Data, mistakes and calibration as a page: make report RUN={run_dir}")
    print(f"Serve it again: .venv/bin/python -m local_test.serve_local {run_dir} --no-docker")


def first_image(channels: dict[str, Path]) -> Path:
    """An image that the network was not trained on, where there is a test channel."""
    files = (path for path in sorted((channels.get("test") or channels["train"]).rglob("*")) if path.is_file())
    return next(path for path in files if not path.name.startswith("."))


if __name__ == "__main__":
    sys.exit(exit_status(main))
