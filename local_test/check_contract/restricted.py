"""A container as restricted as a serverless endpoint's, and the proof that it is."""

from dataclasses import dataclass
from pathlib import Path

from local_test.check_contract.engine import Container
from local_test.check_contract.exchange import Answer

# `--ipc none` mounts no /dev/shm at all, where every other value mounts one, if only of a few bytes.
RESTRICTIONS = (
    *("--user", "1000:1000", "--read-only", "--tmpfs", "/tmp", "--ipc", "none"),  # noqa: S108  the container's
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)
SHM = "/dev/shm"  # noqa: S108
PEAKS = ("/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes")  # control groups 2 and 1
STATISTICS = ("/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat")
OWN_MEMORY = ("anon", "total_rss")  # without cached files, which can be dropped at any time


@dataclass(frozen=True, kw_only=True)
class Restricted:
    """What a restricted server did. `answer` None: it did not start, and `problem` says why."""

    answer: Answer | None = None
    large_answer: Answer | None = None
    seconds: float = 0.0  # until /ping was 200
    memory: str = ""
    killed: bool = False  # by the kernel, for want of memory
    unproven: str = ""  # a restriction that did not hold, or could not be seen to
    problem: str = ""


def broken_restrictions(container: Container) -> str:
    """Which restriction the container's own process 1 is not seen to be under, or nothing."""
    mounts = mount_points(container)
    if mounts is None:
        return "its mounts could not be read"
    if SHM in mounts:
        return f"{SHM} is mounted"
    if "ro" not in mounts.get("/", "rw").split(","):
        return "its root file system is writable"
    return ""


def mount_points(container: Container) -> dict[str, str] | None:
    """Options by mount point, as process 1 of the container sees them; None where that cannot be read."""
    text = container.read("/proc/1/mountinfo") or _from_here(container.inspect()["State"]["Pid"])
    if text is None:
        return None
    fields = [line.split() for line in text.splitlines()]
    return {parts[4]: parts[5] for parts in fields if len(parts) > 5}


def peak_memory(container: Container) -> str:
    """The most memory that it has had, cached files included, and what of it is its own now."""
    peak, statistics = container.read(*PEAKS), container.read(*STATISTICS)
    if peak is None:
        return "peak memory unknown"
    found = dict(line.split() for line in (statistics or "").splitlines() if len(line.split()) == 2)
    own = next((int(found[name]) for name in OWN_MEMORY if name in found), None)
    told = f"peak {int(peak) / 2**20:.0f} MiB with cached files"
    return told if own is None else f"{told}, {own / 2**20:.0f} MiB without"


def _from_here(pid: int) -> str | None:
    # An image without `cat`, on this very machine.
    try:
        return Path(f"/proc/{pid}/mountinfo").read_text()
    except OSError:
        return None
