"""How many processes decode images."""

import os
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  loader processes hand batches over through it
BATCHES_IN_FLIGHT = 4  # per worker: two prefetched, one being made, one being read


def choose_workers(requested: int, cores: int, batch_bytes: int) -> int:
    """Loader processes for this training process. -1 asks for one per core left over, of `cores` that are its own.

    Never more than shared memory can hold batches for: Docker gives a container 64 MB, and a loader that runs out of
    it dies with a bus error. 0, decode in the training process, always works.
    """
    wanted = max(1, cores - 1) if requested == -1 else requested
    room = _free_shared_memory() // (BATCHES_IN_FLIGHT * max(1, batch_bytes))
    if wanted > room:
        print(
            f"{SHARED_MEMORY} has room for the batches of {room} loader processes: using {room}, not {wanted}.",
            flush=True,
        )
    return min(wanted, room)


def _free_shared_memory() -> int:
    try:
        status = os.statvfs(SHARED_MEMORY)
    except OSError:
        return 0
    return status.f_bavail * status.f_frsize
