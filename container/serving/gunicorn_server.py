"""gunicorn, started from Python: threads in a few forked workers that share the artifact's memory."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from container.serving.json_log import JsonFormatter
from container.serving.settings import ServeSettings

TMP_DIR = "/tmp"  # noqa: S108  the one folder that can be written where the root file system cannot
MEMORY_DIR = "/dev/shm"  # noqa: S108  in memory, but missing on serverless endpoints
DRAIN_POLL_SECONDS = 0.2


class DrainingWorker(ThreadWorker):
    """A worker that, once told to stop, keeps closing idle connections.

    gunicorn's own would wait for the next event, so one idle keep-alive connection holds it for the whole grace time.
    """

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        super().wait_for_and_dispatch_events(timeout if self.alive else min(timeout, DRAIN_POLL_SECONDS))


class JsonLogger(Logger):
    """gunicorn's own lines as JSON on stdout, like all others."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setStream(sys.stdout)
            handler.setFormatter(JsonFormatter())


class GunicornServer(BaseApplication):
    """Serves `app`; calls `start_worker` in each worker once it has been forked. `run()` ends the process."""

    def __init__(self, app: Flask, settings: ServeSettings, start_worker: Callable[[], None]) -> None:
        self._app = app
        self._options = {
            **gunicorn_options(settings),
            "post_worker_init": lambda _worker: start_worker(),
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app


def gunicorn_options(settings: ServeSettings) -> dict[str, Any]:
    """gunicorn's settings; none of them makes it write outside of /dev/shm and /tmp."""
    return {
        "bind": f"{settings.host}:{settings.port}",
        "worker_class": DrainingWorker,
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
