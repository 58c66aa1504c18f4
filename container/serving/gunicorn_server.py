"""gunicorn, started from Python: threads in a few forked workers that share the artifact's memory."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from container.serving.held_bytes import HeldBytes
from container.serving.json_log import JsonFormatter
from container.serving.metrics import Metrics
from container.serving.settings import ServeSettings
from container.serving.shared_table import SharedTable
from container.serving.worker import ReceivingWorker

TMP_DIR = "/tmp"  # noqa: S108  the one folder that can be written where the root file system cannot
MEMORY_DIR = "/dev/shm"  # noqa: S108  in memory, but missing on serverless endpoints
SUCCESSOR_SECONDS = 30  # for a retiring worker's successor to be ready; after that it goes all the same
AGE, READY, RETIRING = "age", "ready", "retiring"


class JsonLogger(Logger):
    """gunicorn's own lines as JSON on stdout, like all others."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setStream(sys.stdout)
            handler.setFormatter(JsonFormatter())


class RollingArbiter(Arbiter):
    """gunicorn's master, which starts a successor before a retiring worker ends."""

    def manage_workers(self) -> None:
        retiring = sum(self.app.is_retiring(worker) for worker in self.WORKERS.values())
        self.num_workers = self.cfg.workers + retiring
        super().manage_workers()


class GunicornServer(BaseApplication):
    """Serves `app`; calls `start_worker(mark_ready)` in each worker once it has been forked. `run()` ends the process.

    Each worker has a row in the tables that the processes share; a successor takes over that of one who has ended.
    """

    def __init__(
        self,
        app: Flask,
        settings: ServeSettings,
        held: HeldBytes,
        metrics: Metrics,
        start_worker: Callable[[Callable[[], None]], None],
    ) -> None:
        self.settings = settings
        self.held = held
        self._app = app
        self.metrics = metrics
        self._start_worker = start_worker
        self._rows = rows_for(settings)
        self._workers = SharedTable((AGE, READY, RETIRING), self._rows)
        super().__init__()

    def load_config(self) -> None:
        hooks = {"pre_fork": self._before_fork, "post_worker_init": self._after_fork}
        for name, value in {**gunicorn_options(self.settings), **hooks}.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app

    def run(self) -> None:
        RollingArbiter(self).run()

    def retire(self, worker: ReceivingWorker) -> None:
        """Have a successor started for the worker that calls this."""
        self._workers.set(worker.row, RETIRING, 1)

    def is_retiring(self, worker: ReceivingWorker) -> bool:
        return bool(self._workers.get(worker.row, RETIRING))

    def has_successor(self, worker: ReceivingWorker, seconds: float) -> bool:
        """Whether a younger worker is ready, or did not become so in a long time."""
        ages, ready = self._workers.column(AGE), self._workers.column(READY)
        return seconds > SUCCESSOR_SECONDS or any(
            is_ready and age > worker.age for age, is_ready in zip(ages, ready, strict=True)
        )

    def _before_fork(self, arbiter: Arbiter, worker: ReceivingWorker) -> None:
        taken = {other.row for other in arbiter.WORKERS.values()}
        worker.row = next((row for row in range(self._rows) if row not in taken), self._rows - 1)
        for column, number in ((AGE, worker.age), (READY, 0), (RETIRING, 0)):
            self._workers.set(worker.row, column, number)

    def _after_fork(self, worker: ReceivingWorker) -> None:
        self.metrics.use_row(worker.row)
        self._start_worker(lambda: self._workers.set(worker.row, READY, 1))


def rows_for(settings: ServeSettings) -> int:
    """Rows of the tables: every worker may have a successor beside it."""
    return 2 * settings.workers + 1


def gunicorn_options(settings: ServeSettings) -> dict[str, Any]:
    """gunicorn's settings; none of them makes it write outside of /dev/shm and /tmp."""
    return {
        "bind": f"{settings.host}:{settings.port}",
        "worker_class": ReceivingWorker,
        "workers": settings.workers,
        "threads": settings.threads,
        "preload_app": True,
        "timeout": settings.timeout_seconds,
        "graceful_timeout": settings.graceful_seconds,
        "keepalive": settings.keepalive_seconds,
        "worker_tmp_dir": writable_dir(),
        "control_socket_disable": True,  # it would be made in the home folder
        "logger_class": JsonLogger,
        "loglevel": "debug" if settings.log_level == "debug" else "warning",
    }


def writable_dir(memory_dir: str = MEMORY_DIR) -> str:
    """The folder of the workers' heartbeat files: in memory where possible, as a slow disk reads like a hung worker."""
    return memory_dir if Path(memory_dir).is_dir() and os.access(memory_dir, os.W_OK) else TMP_DIR
