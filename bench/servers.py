"""The two servers as processes: start, time to the first answer, memory, stop."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.errors import BenchError
from container import contract

PROJECT_DIR = Path(__file__).parents[1]
START_SECONDS = 120
SAMPLE_SECONDS = 0.5  # between two looks at the memory


@dataclass(frozen=True)
class Side:
    """One of the servers that are compared."""

    name: str
    command: list[str]
    variables: dict[str, str]
    log_path: Path


@dataclass
class RunningServer:
    pid: int
    url: str
    ready_seconds: float  # from the start of the process to /ping 200
    first_answer_seconds: float  # from the start of the process to its first prediction
    prediction: dict[str, float]  # label -> probability of that first prediction, most likely first
    peak_memory_mib: float = field(default=0)


def our_server(base_dir: Path, port: int, logs: Path) -> Side:
    variables = {
        contract.BASE_DIR_VARIABLE: str(base_dir),
        contract.BIND_TO_PORT_VARIABLE: str(port),
    }
    command = [sys.executable, "-m", "container.entrypoint", "serve"]
    return Side("this project", command, variables, logs / "serve.log")


def plain_server(name: str, model_path: Path, port: int, logs: Path, **variables: str) -> Side:
    command = [sys.executable, "-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "bench.peers.plain_flask:app"]
    return Side(name, command, {"MODEL_PATH": str(model_path), **variables}, logs / "plain_flask.log")


@contextmanager
def running(side: Side, port: int, image: bytes) -> Iterator[RunningServer]:
    """The server once it has answered `image`; its memory is watched until it is stopped.

    Raises BenchError if it ends, or is not ready within START_SECONDS.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    started = time.perf_counter()
    with side.log_path.open("w") as log:
        process = subprocess.Popen(
            side.command, cwd=PROJECT_DIR, env={**inherited, **side.variables}, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for_ping(url, process, side)
        ready_seconds = time.perf_counter() - started
        prediction = ask(url, image)
        server = RunningServer(process.pid, url, ready_seconds, time.perf_counter() - started, prediction)
        with _watched_memory(process.pid, server):
            yield server
    finally:
        _stop(process)


def ask(url: str, image: bytes) -> dict[str, float]:
    """Label -> probability, most likely first, as either server answers it."""
    headers = {"Content-Type": "image/jpeg"}
    request = urllib.request.Request(f"{url}/invocations", image, headers)  # noqa: S310  localhost
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        answer = json.load(response)
    prediction = answer["predictions"][0] if "predictions" in answer else answer
    return dict(zip(prediction["labels"], prediction["probabilities"], strict=True))


def tree_memory_mib(pid: int) -> float:
    """MiB of a process and all its descendants, where a page that n processes share counts for 1/n in each (PSS).

    Processes outside the tree count among the n: nothing else on the machine should run the same torch meanwhile.
    """
    return float(sum(process.memory_full_info().pss for process in _tree(pid))) / 2**20


def tree_cpu_seconds(pid: int) -> float:
    """Processor time that a process and its descendants have used so far; those that have ended do not count."""
    times = [process.cpu_times() for process in _tree(pid)]
    return float(sum(spent.user + spent.system for spent in times))


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


@contextmanager
def _watched_memory(pid: int, server: RunningServer) -> Iterator[None]:
    done = threading.Event()

    def sample() -> None:
        with suppress(psutil.NoSuchProcess):  # a worker that ends just now
            server.peak_memory_mib = max(server.peak_memory_mib, tree_memory_mib(pid))

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            sample()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        sample()  # at least one, however short the load was


def _wait_for_ping(url: str, process: subprocess.Popen[bytes], side: Side) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"{side.name} ended with status {process.returncode}; see {side.log_path}.")
        try:
            with urllib.request.urlopen(f"{url}/ping", timeout=5):  # noqa: S310  localhost
                return
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        time.sleep(0.02)
    raise BenchError(f"{side.name} was not ready after {START_SECONDS} s; see {side.log_path}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(contract.SERVE_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
