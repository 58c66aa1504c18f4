"""How much memory this container may use: it sees all of its host's, but is seldom given it."""

import os
from pathlib import Path

CGROUP_DIR = Path("/sys/fs/cgroup")
LIMIT_FILES = ("memory.max", "memory/memory.limit_in_bytes")  # of cgroup version 2 and 1


def container_memory(cgroup_dir: Path = CGROUP_DIR) -> int:
    """Bytes: the cgroup's limit or the machine's memory, whichever is less."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *(limit for name in LIMIT_FILES if (limit := _limit(cgroup_dir / name)))])


def _limit(path: Path) -> int:
    try:
        return int(path.read_text())  # `max` where there is no limit, or in version 1 a number near 2**63
    except (OSError, ValueError):
        return 0
