"""A server as a process: start, time to the first answer, memory, stop."""

import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

from bench.errors import BenchError
from bench.loops import PROJECT_DIR
from bench.process_tree import process_tree, tree_memory_mib
from bench.sides import Side
from bench.upload import form

START_SECONDS = 120
STOP_SECONDS = 5  # after SIGTERM; then it is killed, with all that it has started
SAMPLE_SECONDS = 1.0  # between two looks at the memory


@dataclass
class RunningServer:
    pid: int
    url: str  # of predictions
    ready_seconds: float  # from the start of the process to 200 from its ready_path
    first_answer_seconds: float  # from the start of the process to its first prediction
    prediction: dict[str, float]  # label -> probability of that first prediction, most likely first
    peak_memory_mib: float = field(default=0)


@contextmanager
def running(side: Side, image: bytes) -> Iterator[RunningServer]:
    """The server once it has answered `image`; its memory is watched until it is stopped.

    Raises BenchError if it ends before its time, or has not answered within START_SECONDS.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    started = time.perf_counter()
    with side.log_path.open("w") as log:
        process = subprocess.Popen(
            side.command, cwd=PROJECT_DIR, env={**inherited, **side.variables}, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        _wait_until_ready(side, process, deadline)
        ready_seconds = time.perf_counter() - started
        prediction = _first_prediction(side, process, image, deadline)
        first_answer_seconds = time.perf_counter() - started
        url = f"http://127.0.0.1:{side.port}{side.predict_path}"
        server = RunningServer(process.pid, url, ready_seconds, first_answer_seconds, prediction)
        with _watched_memory(process.pid, server):
            yield server
    except psutil.NoSuchProcess as error:
        raise BenchError(f"{side.name} ended under load; see {side.log_path}.") from error
    finally:
        _stop(process)


def ask(side: Side, image: bytes) -> bytes:
    """The body of the answer. Raises OSError, of which HTTPError is one, where that is not a 200."""
    body, content_type = form(image, side.form_field) if side.form_field else (image, "image/jpeg")
    url = f"http://127.0.0.1:{side.port}{side.predict_path}"
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  localhost
        return bytes(response.read())


def read_prediction(body: bytes) -> dict[str, float]:
    """Label -> probability, most likely first, as any of the servers answers it."""
    answer = json.loads(body)
    if "predictions" in answer:  # this project's
        (answer,) = answer["predictions"]
    elif isinstance(answer, list):  # BentoML's: one for each image of the upload
        (answer,) = answer
    return dict(zip(answer["labels"], answer["probabilities"], strict=True))


def status_of(side: Side, image: bytes) -> int:
    """The status that it answers with; 0 if it does not answer."""
    try:
        ask(side, image)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0
    return 200


@contextmanager
def _watched_memory(pid: int, server: RunningServer) -> Iterator[None]:
    done = threading.Event()

    def sample() -> None:
        with suppress(psutil.NoSuchProcess):  # the server ends just now
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


def _wait_until_ready(side: Side, process: subprocess.Popen[bytes], deadline: float) -> None:
    url = f"http://127.0.0.1:{side.port}{side.ready_path}"
    for _ in _attempts(side, process, deadline):
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return


def _first_prediction(side: Side, process: subprocess.Popen[bytes], image: bytes, deadline: float) -> dict[str, float]:
    for _ in _attempts(side, process, deadline):
        try:
            return read_prediction(ask(side, image))
        except OSError as error:  # TorchServe says that it is ready before it has loaded the model
            if side.is_ours:
                raise BenchError(f"{side.name} was ready and did not answer: {error}; see {side.log_path}.") from error
    raise AssertionError("attempts end with an answer or an error")


def _attempts(side: Side, process: subprocess.Popen[bytes], deadline: float) -> Iterator[None]:
    """Once every 20 ms. Raises BenchError when the process has ended, or at the deadline."""
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"{side.name} ended with status {process.returncode}; see {side.log_path}.")
        yield
        time.sleep(0.02)
    raise BenchError(f"{side.name} did not answer within {START_SECONDS} s; see {side.log_path}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it has started: TorchServe's Java and LitServe's workers would outlive it."""
    tree = process_tree(process.pid) if process.poll() is None else []
    for started in tree:
        with suppress(psutil.NoSuchProcess):
            started.terminate()
    _, alive = psutil.wait_procs(tree, STOP_SECONDS)
    for left in alive:
        with suppress(psutil.NoSuchProcess):
            left.kill()
    process.wait()
