"""Training: images/s of this project's loop and of a plain PyTorch loop, epoch by epoch in turn.

Both read the same JPEGs, show the same kind of views (random crop and flip at 224), and train ResNet-18 with Adam in
batches of 32, once the last layer alone and once all layers. Start-up and the first epoch are not counted.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.errors import BenchError
from bench.part import Part
from bench.photos import write_class_folders
from bench.record import Record, compare
from bench.servers import PROJECT_DIR
from container import contract
from local_test.opt_ml import find_channels, lay_out

PLAIN = "plain PyTorch loop"
NUM_CLASSES = 8
STOP_SECONDS = 10
HYPERPARAMETERS = {
    "backbone": "resnet18",
    "pretrained": "none",
    "head": "linear",
    "image_size": "224",
    "batch_size": "32",
    "optimizer": "adam",
    "augment": "basic",
    "num_epochs": "10000",  # the benchmark says when it is enough
    "checkpoint_seconds": "86400",
}
FINE_TUNE = {"head": "train the head only", "all": "train all layers"}


class Loop:
    """A training process that trains one epoch when told to."""

    def __init__(self, name: str, process: subprocess.Popen[str], log_path: Path) -> None:
        self.name = name
        self._process = process
        self._log_path = log_path
        self._read_until("ready")

    def train_one_epoch(self) -> float:
        """Images per second of the next epoch."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        output = self._read_until("done")
        found = re.search(contract.metric_regex("Images per second"), output)
        if found is None:
            raise BenchError(f"{self.name} printed no speed; see {self._log_path}.")
        return float(found[1])

    def _read_until(self, word: str) -> str:
        assert self._process.stdout is not None
        lines: list[str] = []
        for line in self._process.stdout:
            if line.strip() == word:
                return "".join(lines)
            lines.append(line)
        raise BenchError(f"{self.name} ended with status {self._process.wait()}; see {self._log_path}.")


def bench_training(work_dir: Path, rounds: int, images_per_class: int) -> list[Record]:
    """A record for each of FINE_TUNE, after `rounds` counted epochs of each loop."""
    data = work_dir / f"photos-{images_per_class}"
    if not data.is_dir():
        print(f"training: drawing {NUM_CLASSES * (images_per_class + 1)} photos", flush=True)
        write_class_folders(data, NUM_CLASSES, train=images_per_class, valid=1)
    return [bench_mode(mode, name, work_dir, data, rounds) for mode, name in FINE_TUNE.items()]


def bench_mode(mode: str, name: str, work_dir: Path, data: Path, rounds: int) -> Record:
    """Both loops with the hyperparameter fine_tune=`mode`, a process each, taking turns."""
    run = lay_out(work_dir / f"run-{mode}", {**HYPERPARAMETERS, "fine_tune": mode}, find_channels(data), link=True)
    for checkpoint in (run.root / "checkpoints").iterdir():
        checkpoint.unlink()
    variables = {contract.BASE_DIR_VARIABLE: str(run.root)}
    with ExitStack() as stack:
        loops = [
            stack.enter_context(_running("this project", ["bench.our_loop"], variables, work_dir)),
            stack.enter_context(_running(PLAIN, ["bench.peers.plain_loop", str(data), mode], {}, work_dir)),
        ]
        speeds: dict[str, list[float]] = {loop.name: [] for loop in loops}
        for number in range(rounds + 1):
            count = f"round {number} of {rounds}" if number else "warm-up"
            for loop in loops:
                print(f"training, {name}, {count}: {loop.name}", flush=True)
                speed = loop.train_one_epoch()
                if number:
                    speeds[loop.name].append(speed)
    ours, theirs = speeds.values()
    return compare(f"{name}, resnet18 at 224 px, batch 32", "images/s", "higher", ours, PLAIN, theirs)


@contextmanager
def _running(name: str, module: list[str], variables: dict[str, str], logs: Path) -> Iterator[Loop]:
    log_path = logs / f"{module[0]}.log"
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with log_path.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=PROJECT_DIR,
            env={**inherited, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Loop(name, process, log_path)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    with process:
        assert process.stdin is not None
        process.stdin.close()  # ends it, and its loader processes, in order
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:  # in the middle of an epoch, after Ctrl-C or a failure
            process.terminate()


PART = Part(
    name="training",
    help="images/s of the training loop",
    title="Training, fp32",
    measure=lambda work_dir, quick: bench_training(work_dir, 1 if quick else 3, images_per_class=4 if quick else 16),
    panels=lambda records: {"Training, resnet18 at 224 px, batch 32": records},
)
