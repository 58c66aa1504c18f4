"""One trial as a process or a container: started, stopped as the platform stops a job, or killed."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from container import contract
from local_test.image import docker, without_privileges
from local_test.opt_ml import Run
from local_test.train_local import PROJECT_DIR, git_revision
from local_test.tuning import lock
from local_test.tuning.cores import Cores, pinned

LOG_FILE, PID_FILE = "log.txt", "pid"
FEATURES_MOUNT = "/features"  # in the image


@dataclass(frozen=True, kw_only=True)
class Launcher:
    """How trials are run; `image` None: as processes of this machine. All of them share `features_dir`."""

    channels: dict[str, Path]
    features_dir: Path
    image: str | None = None

    def command(self, run: Run, cores: Cores) -> list[str]:
        if self.image is None:
            return [sys.executable, "-m", "container.entrypoint", "train"]
        mounts = ["-v", f"{run.root}:{contract.BASE_DIR}"]
        for name, folder in self.channels.items():
            mounts += ["-v", f"{folder.absolute()}:{contract.BASE_DIR}/input/data/{name}:ro"]
        mounts += ["-v", f"{self.features_dir.absolute()}:{FEATURES_MOUNT}"]
        mounts += ["-e", f"{contract.FEATURES_DIR_VARIABLE}={FEATURES_MOUNT}"]
        limits = ["--hostname", "algo-1", "--cpus", str(len(cores)), *without_privileges(run.root, write=True)]
        return [docker(), "run", "--rm", "--name", container_name(run), *limits, *mounts, self.image, "train"]

    def clear(self, trial_dir: Path) -> None:
        """End what an earlier start has left running in the folder, before anything there is written anew."""
        if (trial_dir / PID_FILE).exists():
            end_earlier(trial_dir)
            self.remove(Run(trial_dir.absolute()))

    def remove(self, run: Run) -> None:
        """Remove the run's container, which lives on when its `docker run` is killed."""
        if self.image is not None:
            subprocess.run([docker(), "rm", "-f", container_name(run)], capture_output=True, check=False)


def container_name(run: Run) -> str:
    """The same for the same folder, so that it is found again."""
    return f"tune-{hashlib.sha256(str(run.root).encode()).hexdigest()[:12]}"


class TrialJob:
    """A trial that runs. It has a session of its own, so that Ctrl-C reaches it by way of the study only."""

    def __init__(self, run: Run, launcher: Launcher, cores: Cores) -> None:
        self.run, self.launcher, self._started, self._stopped_at = run, launcher, time.monotonic(), 0.0
        held = lock.take(run.root / PID_FILE)
        assert held is not None, "the launcher has cleared the folder"
        environ = {**os.environ, contract.BASE_DIR_VARIABLE: str(run.root), "PYTHONUNBUFFERED": "1"}
        environ[contract.FEATURES_DIR_VARIABLE] = str(launcher.features_dir.absolute())
        environ |= {"OMP_NUM_THREADS": str(len(cores)), "GIT_REVISION": os.environ.get("GIT_REVISION", git_revision())}
        try:
            with (run.root / LOG_FILE).open("ab") as log, pinned(cores):
                self._process = subprocess.Popen(
                    launcher.command(run, cores),
                    cwd=PROJECT_DIR,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(held,),  # so that the lock says whether the job lives, even after this process is gone
                )
            os.pwrite(held, f"{self._process.pid}\n".encode(), 0)
        finally:
            os.close(held)

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs. A job that does not obey within its grace is killed."""
        if self._stopped_at and time.monotonic() > self._stopped_at + contract.STOP_GRACE_SECONDS:
            self.kill()
        return self._process.poll()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def stop(self) -> None:
        """Ask it to write its checkpoint and its model and to end; `docker run` passes the signal on."""
        self._stopped_at = time.monotonic()
        self._process.terminate()

    def kill(self) -> None:
        _kill_group(self._process.pid)
        self.launcher.remove(self.run)


def end_earlier(trial_dir: Path) -> None:
    """Stop what a killed study has left running in this folder, in order if it obeys within its grace."""
    path = trial_dir / PID_FILE
    stopped_at = 0.0
    while (free := lock.take(path)) is None:
        pid = int(path.read_text() or 0)
        if pid and not stopped_at:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            stopped_at = time.monotonic()
        elif pid and time.monotonic() > stopped_at + contract.STOP_GRACE_SECONDS:
            _kill_group(pid)
        time.sleep(0.05)
    os.close(free)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
