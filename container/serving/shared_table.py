"""Numbers that several processes write and all can read: memory that is shared by forking, and no file.

A file would be lost memory where the disk is full: writing to a mapped file without space ends the process.
"""

import mmap
import threading
from collections.abc import Sequence

BYTES_PER_NUMBER = 8


class SharedTable:
    """A row for each worker and a named column for each number, all 0. Made before the workers are forked.

    Each row has one writer, which need not wait for the others, so a worker that is killed can leave no lock behind;
    a number is 8 bytes in one place, so it is never seen half written.
    """

    def __init__(self, columns: Sequence[str], rows: int) -> None:
        self._index = {name: number for number, name in enumerate(columns)}
        self._rows = rows
        self._numbers = memoryview(mmap.mmap(-1, max(1, rows * len(columns)) * BYTES_PER_NUMBER)).cast("d")
        self._lock = threading.Lock()  # between the threads of a process

    def add(self, row: int, column: str, number: float) -> None:
        with self._lock:
            self._numbers[self._place(row, column)] += number

    def set(self, row: int, column: str, number: float) -> None:
        with self._lock:
            self._numbers[self._place(row, column)] = number

    def get(self, row: int, column: str) -> float:
        return self._numbers[self._place(row, column)]

    def column(self, name: str) -> list[float]:
        """The column's number in each row."""
        return [self.get(row, name) for row in range(self._rows)]

    def sum(self, column: str) -> float:
        return sum(self.column(column))

    def _place(self, row: int, column: str) -> int:
        return row * len(self._index) + self._index[column]
