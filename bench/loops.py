"""Training loops as processes that train one epoch when told to, so that they can take turns."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BenchError
from bench.process_tree import tree_allocated_mib
from container import contract

PROJECT_DIR = Path(__file__).parents[1]
STOP_SECONDS = 10


@dataclass(frozen=True)
class Contender:
    """A program that says `ready`, and for each line that it gets trains an epoch, tells of it and says `done`."""

    name: str
    command: list[str]
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Epoch:
    seconds: float  # all of it, with validation and the checkpoint
    images_per_second: float  # of the training part alone
    accuracy: float  # on the valid images, after it


class Loop:
    """A contender that runs."""

    def __init__(self, name: str, process: subprocess.Popen[str], log_path: Path) -> None:
        self.name = name
        self._process = process
        self._log_path = log_path
        started = time.perf_counter()
        self._read_until("ready")
        self.start_seconds = time.perf_counter() - started

    @property
    def memory_mib(self) -> float:
        """What it and its loader processes have allocated."""
        return tree_allocated_mib(self._process.pid)

    def train_one_epoch(self) -> Epoch:
        assert self._process.stdin is not None
        started = time.perf_counter()
        with suppress(BrokenPipeError):  # it has ended: its output says so
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        output = self._read_until("done")
        seconds = time.perf_counter() - started
        return Epoch(seconds, self._find("Images per second", output), self._find("Accuracy", output))

    def _find(self, metric: str, output: str) -> float:
        found = re.search(contract.metric_regex(metric), output)
        if found is None:
            raise BenchError(f"{self.name} printed no {metric!r}; see {self._log_path}.")
        return float(found[1])

    def _read_until(self, word: str) -> str:
        assert self._process.stdout is not None
        lines: list[str] = []
        for line in self._process.stdout:
            if line.strip() == word:
                return "".join(lines)
            lines.append(line)
        raise BenchError(f"{self.name} ended with status {self._process.wait()}; see {self._log_path}.")


def take_turns(what: str, contenders: Sequence[Contender], rounds: int, logs: Path) -> dict[str, list[Epoch]]:
    """The epochs of each contender, by name. All run at once, and one trains at a time; a first epoch warms it up."""
    with ExitStack() as stack:
        loops = [stack.enter_context(running(contender, logs)) for contender in contenders]
        epochs: dict[str, list[Epoch]] = {loop.name: [] for loop in loops}
        for number in range(rounds + 1):
            count = f"round {number} of {rounds}" if number else "warm-up"
            for loop in loops:
                print(f"training, {what}, {count}: {loop.name}", flush=True)
                epoch = loop.train_one_epoch()
                if number:
                    epochs[loop.name].append(epoch)
    return epochs


@contextmanager
def running(contender: Contender, logs: Path) -> Iterator[Loop]:
    log_path = logs / f"{contender.name.replace(' ', '-')}.log"
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with log_path.open("w") as log:
        process = subprocess.Popen(
            contender.command,
            cwd=PROJECT_DIR,
            env={**inherited, **contender.variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Loop(contender.name, process, log_path)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    with process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended by itself
            process.stdin.close()  # ends it, and its loader processes, in order
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:  # in the middle of an epoch, after Ctrl-C or a failure
            process.terminate()
