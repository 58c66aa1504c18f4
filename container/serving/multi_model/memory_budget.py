"""The memory that models may take, judged by what the process really has in use."""

from collections.abc import Callable

from container.serving.container_memory import container_memory
from container.serving.memory import give_back_memory, resident_bytes

MIB = 2**20
SHARE = 0.8  # of the container's memory, for the whole process; the rest is for requests and for the system


class MemoryBudget:
    """`models_mib` for all models together, on top of the process without any; 0: SHARE of the container's memory.

    Real use is counted, and of models under way what they need at most: a reckoning of each model by itself would
    leave out what batches need, and what the allocator keeps.
    """

    def __init__(
        self,
        models_mib: int,
        resident: Callable[[], int] = resident_bytes,
        total: Callable[[], int] = container_memory,
    ) -> None:
        self._models_mib, self._resident, self._total = models_mib, resident, total
        self._empty = 0

    def note_empty(self) -> None:
        """Take what is in use now for what the process needs without any model."""
        self._empty = self._resident()

    def allows(self, need: int) -> bool:
        """Whether `need` bytes would fit if there were no model."""
        return self._empty + need <= self._ceiling

    def has_room(self, need: int) -> bool:
        """Whether `need` bytes fit now; memory that is free but kept is given back first, where it matters."""
        if self._resident() + need > self._ceiling:
            give_back_memory()
        return self._resident() + need <= self._ceiling

    def describe(self) -> dict[str, int]:
        """What the models take, and what they may take."""
        limit = self._ceiling - self._empty
        return {"used_mib": max(0, self._resident() - self._empty) // MIB, "limit_mib": limit // MIB}

    @property
    def _ceiling(self) -> int:
        """Bytes that the process may have in use."""
        return self._empty + self._models_mib * MIB if self._models_mib else int(SHARE * self._total())
