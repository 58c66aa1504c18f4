"""How the models of a process use its cores: places for decoding, and lanes for inference."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from container.serving.batcher import Batcher, use_threads


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a process uses its cores; see ServeSettings, which has a variable for each."""

    inferences: int = 1
    torch_threads: int = 1
    lone_threads: int = 1
    decodes: int = 1
    batch_size: int = 8
    batch_wait_ms: float = 0.0


class SharedCores:
    """What all models of a process share, so that ten of them have no more threads at work than one."""

    def __init__(self, layout: Layout) -> None:
        self.lanes = layout.inferences
        self._places = threading.BoundedSemaphore(layout.decodes)
        self._decoding: set[int] = set()  # threads
        self.batcher = Batcher(
            lanes=layout.inferences,
            max_batch=layout.batch_size,
            lane_threads=layout.torch_threads,
            lone_threads=layout.lone_threads,
            wait_seconds=layout.batch_wait_ms / 1000,
            is_more_coming=lambda: bool(self._decoding),
        )

    def wait_to_decode(self, seconds: float) -> bool:
        """Whether the calling thread now has a place for decoding, which it has to use with `decoding`."""
        return self._places.acquire(timeout=seconds)

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Within it this thread decodes and crops; afterwards its place is free again."""
        self._decoding.add(threading.get_ident())
        try:
            _use_one_thread()
            yield
        finally:
            self._decoding.discard(threading.get_ident())
            self._places.release()


_told = threading.local()


def _use_one_thread() -> None:
    # A web server's thread that crops must not start a pool of threads of its own.
    if not hasattr(_told, "once"):
        use_threads(1)
        _told.once = True
