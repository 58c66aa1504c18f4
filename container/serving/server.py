"""`serve`: the process that answers /ping and /invocations, in the order in which it starts."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from container.cores import available_cores
from container.serving.container_memory import container_memory
from container.serving.json_log import configure, log_event
from container.serving.memory import keep_memory
from container.serving.settings import ServeSettings

if TYPE_CHECKING:  # these import torch
    from container.serving.metrics import Metrics
    from container.serving.multi_model.store import ModelStore
    from container.serving.readiness import Readiness


def serve() -> NoReturn:
    """Serve until SIGTERM, answer what is in flight, then exit with status 0.

    Raises SettingsError for a bad SERVE_ variable. A missing or broken artifact is no error: /ping tells the reason.
    """
    signal.signal(signal.SIGTERM, _stop_before_serving)
    keep_memory()
    settings = ServeSettings.from_environment(os.environ, available_cores(), memory=container_memory())
    configure(settings.log_level)
    # OpenMP reads its variable once, when torch is imported; so everything that imports torch is imported below.
    os.environ["OMP_NUM_THREADS"] = str(settings.torch_threads)
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # its warnings are not JSON, nor for whoever runs a server
    _run(settings)


def _run(settings: ServeSettings) -> NoReturn:
    import torch

    from container.serving.app import create_app
    from container.serving.device import choose_device
    from container.serving.gunicorn_server import GunicornServer, rows_for
    from container.serving.held_bytes import HeldBytes
    from container.serving.metrics import Metrics

    torch.set_num_threads(1)  # this process forks, and a pool of threads does not survive that
    device = choose_device(settings.device)
    if device != "cpu":
        settings = ServeSettings.from_environment(os.environ, available_cores(), device, container_memory())
    log_event("starting", device=device, settings=asdict(settings))
    held, metrics = HeldBytes(settings.max_held_bytes), Metrics(rows_for(settings))
    models = _open_models(settings, device, metrics)
    started = time.monotonic() - _process_age_seconds()

    def warm_up(mark_ready: Callable[[], None]) -> None:
        is_ready = models.warm_up()
        mark_ready()  # also if it has failed: then a successor will not fare better
        if is_ready:
            log_event("ready", seconds_since_start=round(time.monotonic() - started, 2))

    def start_worker(mark_ready: Callable[[], None]) -> None:
        torch.set_num_threads(settings.torch_threads)
        threading.Thread(
            target=warm_up, args=(mark_ready,), name="warm-up", daemon=True
        ).start()  # /ping answers 503 meanwhile

    app = create_app(settings, models, held, metrics)
    gc.collect()
    gc.freeze()  # the collector would write to every object, and so unshare the memory that workers share
    GunicornServer(app, settings, held, metrics, start_worker).run()
    raise AssertionError("gunicorn ends the process")


def _open_models(settings: ServeSettings, device: str, metrics: "Metrics") -> "Readiness | ModelStore":
    """The one model, on a CPU already loaded, or a store without any."""
    from container.serving.load import layout_of, load_predictor
    from container.serving.multi_model.store import ModelStore
    from container.serving.readiness import Readiness
    from container.serving.shared_cores import SharedCores

    if settings.multi_model:
        cores = SharedCores(layout_of(settings))
        return ModelStore(
            settings, lambda folder: load_predictor(replace(settings, model_dir=folder), device, cores), metrics
        )
    readiness = Readiness(lambda: load_predictor(settings, device))
    if device == "cpu":
        readiness.load()
    return readiness


def _process_age_seconds() -> float:
    # The time before the first line of Python counts too. Field 22 of `stat` is the start, in ticks since boot.
    try:
        with open("/proc/self/stat") as file:  # noqa: PTH123
            ticks = int(file.read().rpartition(")")[2].split()[19])
    except OSError:  # no /proc: not Linux
        return time.process_time()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def _stop_before_serving(_signal: int, _frame: FrameType | None) -> NoReturn:
    # gunicorn takes SIGTERM over later. Until then PID 1 would ignore it, as it has no default action there.
    sys.exit(0)


if __name__ == "__main__":
    serve()
