"""A folder laid out like SageMaker's /opt/ml, with small pictures in it, and training processes that run there.

Processes come from a fork server that has imported torch already: each starts in milliseconds, and can be killed.
"""

import importlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from container import contract
from container.debugger.smdebug_setup import set_environment
from container.settings import TrainSettings
from container.stop import StopRequest
from container.training import run

PROJECT_DIR = Path(__file__).parents[1]
COLOURS = {"001.Red": (200, 40, 40), "002.Green": (40, 190, 60), "003.Blue": (50, 60, 210)}
CLASS_NAMES = tuple(COLOURS)
# The backbone that is quickest to train and to export, at the smallest size.
FAST = {
    "backbone": "squeezenet1_1",
    "pretrained": "none",
    "image_size": "32",
    "batch_size": "8",
    "num_epochs": "2",
    "workers": "0",
    "fine_tune": "all",
    "learning_rate": "0.001",
    "debugger": "false",
    "precisions": "fp32",
}
# For jobs whose pictures nobody looks at: a trial's are not drawn, which takes longer than all of its training here.
WITHOUT_PICTURES = {contract.TUNING_OBJECTIVE: "Average loss"}

_FORK_SERVER = multiprocessing.get_context("forkserver")
set_environment()  # smdebug reads it when the fork server imports it
_FORK_SERVER.set_forkserver_preload(
    ["container.training.run", "container.debugger.start", "matplotlib.backends.backend_agg", "matplotlib.figure"]
)


def write_picture(path: Path, colour: tuple[int, int, int], seed: int = 0, size: tuple[int, int] | None = None) -> Path:
    """A noisy picture of one colour; its size (width, height) is drawn from the seed unless given."""
    random = np.random.default_rng(seed)
    width, height = size or tuple(random.integers(34, 60, 2).tolist())
    pixels = random.normal(colour, 45, (height, width, 3)).clip(0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=90)
    return path


def write_class_folders(root: Path, per_class: int | dict[str, int], seed: int = 0, size: Any = None) -> Path:
    """One folder of pictures per class of COLOURS, as an ImageFolder channel."""
    for number, (name, colour) in enumerate(COLOURS.items()):
        count = per_class if isinstance(per_class, int) else per_class.get(name, 0)
        for index in range(count):
            write_picture(root / name / f"{index:03d}.jpg", colour, seed * 10_000 + number * 1000 + index, size)
    return root


def write_data_set(root: Path, per_class: int) -> Path:
    """train/, valid/ and test/ folders with that many pictures per class, all of them different."""
    for seed, split in enumerate(("train", "valid", "test")):
        write_class_folders(root / split, per_class, seed)
    return root


class JobFolder:
    """One training job's /opt/ml."""

    def __init__(self, base_dir: Path) -> None:
        self.base_dir = base_dir
        self.data_dir = base_dir / "input" / "data"
        self.config_dir = base_dir / "input" / "config"
        self.checkpoint_dir = base_dir / "checkpoints"
        self.output_dir = base_dir / "output"
        self.model_path = base_dir / "model" / contract.MODEL_FILE
        self.config_dir.mkdir(parents=True)
        self.data_dir.mkdir()

    def configure(self, **hyperparameters: object) -> "JobFolder":
        """Write hyperparameters.json: FAST, with these instead."""
        texts = {name: str(value) for name, value in {**FAST, **hyperparameters}.items()}
        return self.write_config(contract.HYPERPARAMETERS_FILE, json.dumps(texts))

    def write_config(self, name: str, text: str) -> "JobFolder":
        (self.config_dir / name).write_text(text)
        return self

    def add_channels(self, train: int | dict[str, int] = 8, **others: int) -> "JobFolder":
        """Channels with that many pictures per class; every channel has other pictures."""
        for seed, (name, per_class) in enumerate({"train": train, **others}.items()):
            write_class_folders(self.data_dir / name, per_class, seed)
        return self

    def share_channels(self, other: "JobFolder") -> "JobFolder":
        """The same pictures as another job's, which must be under the same relative paths."""
        self.data_dir.rmdir()
        self.data_dir.symlink_to(other.data_dir)
        return self

    @property
    def environ(self) -> dict[str, str]:
        return {contract.BASE_DIR_VARIABLE: str(self.base_dir)}

    def settings(self) -> TrainSettings:
        return TrainSettings.read(self.environ)

    def train(self) -> None:
        """The whole job in this process, without the training toolkit."""
        run.train(self.settings(), StopRequest())

    def start(self, log: Path | None = None, **options: Any) -> "TrainingProcess":
        """The whole job in a process of its own, without the training toolkit."""
        return TrainingProcess(self, log or self.base_dir / "log.txt", **options)

    def launch(self, *, expected_status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """The whole job as the container runs it: launcher, training toolkit, script."""
        process = self.start_launcher()
        output, _ = process.communicate(timeout=120)
        assert expected_status in (None, process.returncode), output
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def start_launcher(self, **variables: str) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # of torchrun
        environ = {**os.environ, **self.environ, "PATH": path, "PYTHONPATH": str(PROJECT_DIR), **variables}
        command = [sys.executable, "-c", "from container.training.launch import main; main()"]
        return subprocess.Popen(
            command, env=environ, cwd=self.base_dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    @property
    def failure(self) -> str:
        return (self.output_dir / "failure").read_text()

    @property
    def metrics(self) -> dict[str, Any]:
        content = json.loads((self.output_dir / "data" / contract.METRICS_FILE).read_text())
        assert isinstance(content, dict)
        return content

    def weights(self) -> dict[str, Tensor]:
        """Every tensor of the exported model.pt."""
        return dict(torch.jit.load(str(self.model_path)).state_dict())


class TrainingProcess:
    """`container.training.run.main` in a process that may be told to have a fault, to signal itself, or be signalled.

    `fault_before` is (`module:name` of what happens, that of a function, a call of it counted from 1).
    """

    def __init__(
        self,
        folder: JobFolder,
        log: Path,
        signal_before: tuple[int, str, int] | None = None,
        fault_before: tuple[str, str, int] | None = None,
        **variables: object,
    ) -> None:
        self.log = log
        environ = {**folder.environ, **{name: str(value) for name, value in variables.items()}}
        arguments = (environ, str(log), signal_before, fault_before)
        self._process: ForkServerProcess = _FORK_SERVER.Process(target=_train, args=arguments)
        self._process.start()

    def wait(self, timeout_seconds: float = 100) -> int:
        """The exit status; minus the signal's number if one ended it."""
        self._process.join(timeout_seconds)
        status = self._process.exitcode
        if status is None:
            self._process.kill()
        assert status is not None, f"still running after {timeout_seconds} s: {self.output}"
        return status

    def signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    @property
    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def wait_for(self, text: str, timeout_seconds: float = 60) -> None:
        """Return once the process has printed `text`."""
        deadline = time.monotonic() + timeout_seconds
        while text not in self.output:
            assert self._process.is_alive(), self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.002)


def _train(
    environ: dict[str, str],
    log: str,
    signal_before: tuple[int, str, int] | None,
    fault_before: tuple[str, str, int] | None,
) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.update(environ)
    multiprocessing.set_start_method("fork", force=True)  # as in a process that comes from no fork server
    cores = importlib.import_module("container.cores")
    cores._quota_v2 = lambda _: float(environ.get("CORES", 1))  # type: ignore[attr-defined]  # as `docker run --cpus 1`
    _make_checkpoints_frequent()
    if signal_before is not None:
        number, function, call = signal_before
        _do_before(lambda: os.kill(os.getpid(), number), function, call)
    if fault_before is not None:
        fault, function, call = fault_before
        owner, name = _find(fault)
        _do_before(getattr(owner, name), function, call)
    sys.exit(run.main())


def _make_checkpoints_frequent() -> None:
    # A clock that ticks a second per look makes checkpoint_seconds a number of steps, so that moments are exact.
    ticks = iter(range(1 << 30))
    loop = importlib.import_module("container.training.loop")
    loop.time = SimpleNamespace(monotonic=lambda: next(ticks))  # type: ignore[attr-defined]


def _find(path: str) -> tuple[Any, str]:
    """The owner and the name of `module:name` or `module:Class.name`."""
    module_name, _, names = path.partition(":")
    *owners, name = names.split(".")
    owner: Any = importlib.import_module(module_name)
    for part in owners:
        owner = getattr(owner, part)
    return owner, name


def _do_before(act: Callable[[], object], function: str, call: int) -> None:
    """Act just before the given call (counted from 1) of `module:name`."""
    owner, name = _find(function)
    original, calls = getattr(owner, name), iter(range(1, 1 << 30))

    def act_and_call(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == call:
            act()
        return original(*args, **kwargs)

    setattr(owner, name, act_and_call)
