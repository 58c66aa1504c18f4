"""When a worker has to go: once its memory is over its bound, and another is ready in its place."""

import time
from typing import Any

from container.serving.json_log import log_event
from container.serving.memory import resident_bytes

CHECK_SECONDS = 1.0


class Retirement:
    """Of one worker, which asks `is_due` in every turn of its loop. `max_mib` of memory; 0: it never goes."""

    def __init__(self, max_mib: int) -> None:
        self._max_mib = max_mib
        self._weighed = time.monotonic()
        self._retired: float | None = None  # since when

    def is_due(self, app: Any, worker: Any) -> bool:
        """Whether the worker can end now. `app` is the GunicornServer, which starts the successor that it waits for."""
        now = time.monotonic()
        if not self._max_mib or now - self._weighed < CHECK_SECONDS:
            return False
        self._weighed = now
        if self._retired is None and (resident := resident_bytes()) > self._max_mib * 2**20:
            log_event("worker_retires", resident_mib=resident // 2**20, limit_mib=self._max_mib)
            app.retire(worker)
            self._retired = now
        return self._retired is not None and bool(app.has_successor(worker, now - self._retired))
