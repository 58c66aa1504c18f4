"""The parts of a request's latency."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

PARTS = ("read", "decode", "queue", "inference", "encode")


class Stopwatch:
    """Milliseconds since it was made, in all and by part; a part that is measured twice adds up."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._parts = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def measure(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(part, time.perf_counter() - start)

    def add(self, part: str, seconds: float) -> None:
        self._parts[part] += seconds * 1000

    def milliseconds(self) -> dict[str, float]:
        """`read_ms`, `decode_ms`, `queue_ms`, `inference_ms`, `encode_ms` and `total_ms`, for the log."""
        total = (time.perf_counter() - self._start) * 1000
        return {f"{part}_ms": round(value, 2) for part, value in (*self._parts.items(), ("total", total))}
