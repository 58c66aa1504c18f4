"""How many CPU cores this process may really use: a container sees all cores of its host, but is seldom given them."""

import os
from pathlib import Path

CGROUP_DIR = Path("/sys/fs/cgroup")


def available_cores(cgroup_dir: Path = CGROUP_DIR) -> int:
    """Whole cores by CPU affinity and by the cgroup's quota (version 1 or 2), whichever is less; at least 1."""
    quota = _quota_v2(cgroup_dir / "cpu.max") or _quota_v1(cgroup_dir / "cpu")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, int(quota)) if quota else cores)


def _quota_v2(path: Path) -> float | None:
    try:
        quota, period = path.read_text().split()
        return float(quota) / float(period)  # `max` where there is no limit
    except (OSError, ValueError):
        return None


def _quota_v1(cpu_dir: Path) -> float | None:
    try:
        quota = float((cpu_dir / "cpu.cfs_quota_us").read_text())
        period = float((cpu_dir / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 else None  # -1 where there is no limit
