"""Memory of a process by the kernel's count, in MiB."""

from pathlib import Path


def peak_mib(process: int | str = "self") -> float:
    """The most that it ever had in memory, or since `forget_peak`."""
    return _read(process, "VmHWM")


def now_mib(process: int | str = "self") -> float:
    return _read(process, "VmRSS")


def forget_peak() -> None:
    """From here on this process's peak is counted anew."""
    Path("/proc/self/clear_refs").write_text("5")


def children(process: int) -> list[int]:
    """Its children's process ids, in order."""
    return sorted(int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split())


def _read(process: int | str, name: str) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"/proc/{process}/status has no {name}")
