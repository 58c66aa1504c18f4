"""How many bytes of request bodies a process holds, so that callers together cannot fill its memory."""

import threading


class HeldBytes:
    """A budget of `limit` bytes, shared by all threads of a process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Whether `count` bytes more may be held; if so, they count until they are given back."""
        with self._lock:
            if self._held + count > self._limit:
                return False
            self._held += count
            return True

    def give_back(self, count: int) -> None:
        with self._lock:
            self._held -= count

    @property
    def held(self) -> int:
        return self._held
