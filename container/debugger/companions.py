"""The processes beside a training job: the sampler of the system's metrics, and the judge. Started by the launcher."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from container import contract
from container.debugger.last_host import holding_hosts, wait_for_first_host
from container.debugger.profiler.config import ProfilerConfig, read_profiler_config
from container.debugger.profiler.nodes import node_name
from container.debugger.tensors.hook_config import tensors_dir
from container.settings import TrainSettings
from container.stop import waits

SAMPLER_SECONDS = 5  # to write its last file
JUDGE_SECONDS = 300  # for the last verdicts and the report, unless SIGTERM leaves less


@contextmanager
def companions(settings: TrainSettings, stop_dir: Path) -> Iterator[None]:
    """Within it the job is sampled and judged, if its settings say so; after it the report is written.

    Raises SettingsError for a configuration file that cannot be used. A companion that fails is named in the log, and
    fails nothing else.
    """
    if not settings.hyperparameters.debugger:
        yield
        return
    config_dir = settings.base_dir / "input" / "config"
    profiler = read_profiler_config(config_dir / contract.PROFILER_CONFIG_FILE, settings.base_dir)
    tensors = tensors_dir(settings.base_dir)
    remove_earlier(settings, [tensors, profiler.folder])
    is_first = settings.current_host == settings.hosts[0]  # the main process's tensors are on this host
    held = holding_hosts(settings.hosts) if is_first else nullcontext()
    with held, _running(settings, profiler, tensors, stop_dir if is_first else None):
        yield
    if not is_first:
        wait_for_first_host(settings.hosts[0], JUDGE_SECONDS + SAMPLER_SECONDS)


@contextmanager
def _running(settings: TrainSettings, profiler: ProfilerConfig, tensors: Path, stop_dir: Path | None) -> Iterator[None]:
    """The sampler, and with a `stop_dir` the judge, from the first line of the job to the last verdict."""
    node = node_name(settings.current_host, list(settings.hosts))
    sampler = judge = None
    try:
        if profiler.enabled:
            sampler = _start(
                "container.debugger.profiler.sampler", "--base-dir", str(settings.base_dir), "--node", node
            )
        if stop_dir is not None:
            judge = _start("container.debugger.judge.process", "--stop-dir", str(stop_dir))
        yield
    finally:
        _end(sampler, "sampler", SAMPLER_SECONDS, terminate=True)
        mark_end([tensors, profiler.folder / "system", profiler.folder / "framework"])
        _hurry(judge)
        _end(judge, "judge", JUDGE_SECONDS, terminate=False)


def remove_earlier(settings: TrainSettings, folders: list[Path]) -> None:
    """Remove what an earlier job left in the folders, or, where this one goes on from a checkpoint, only its end."""
    resumed = any(settings.checkpoint_dir.glob(contract.CHECKPOINT_PATTERN))
    for folder in folders:
        if not resumed:
            shutil.rmtree(folder, ignore_errors=True)
        for mark in folder.rglob(contract.END_OF_JOB_FILE):
            mark.unlink()


def mark_end(folders: list[Path]) -> None:
    """Say to every reader that nothing more will come: on the platform smdebug leaves that to the platform."""
    for folder in folders:
        with suppress(OSError):  # a full disk: the judge sees that the launcher is gone
            folder.mkdir(parents=True, exist_ok=True)
            (folder / contract.END_OF_JOB_FILE).touch()


def _start(module: str, *arguments: str) -> subprocess.Popen[bytes] | None:
    try:
        # A session of its own: Ctrl-C is for the training process, which ends first.
        return subprocess.Popen([sys.executable, "-m", module, *arguments], start_new_session=True)
    except OSError as error:
        print(f"Debugger: {module} cannot be started ({error}); training goes on without it.", flush=True)
        return None


def _hurry(process: subprocess.Popen[bytes] | None) -> None:
    """Training is over, so there is nothing left to give way to. Only root may take a niceness back."""
    if process is not None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0))


def _end(process: subprocess.Popen[bytes] | None, name: str, seconds: float, terminate: bool) -> None:
    if process is None:
        return
    if terminate:
        process.terminate()
    started = time.monotonic()
    for wait in waits(seconds):
        with suppress(subprocess.TimeoutExpired):
            if status := process.wait(wait):
                print(f"Debugger: the {name} ended with status {status}; the lines above say why.", flush=True)
            return
    process.kill()
    process.wait()
    waited = time.monotonic() - started
    print(f"Debugger: the {name} was not done after {waited:.0f} s and was ended.", flush=True)
