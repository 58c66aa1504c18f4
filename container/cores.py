"""How many processor cores this process may really use."""

import os
from pathlib import Path

CGROUP_V2_QUOTA = Path("/sys/fs/cgroup/cpu.max")
CGROUP_V1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
CGROUP_V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def available_cores() -> int:
    """Cores by affinity, capped by the container's CPU quota (`docker run --cpus`); at least 1."""
    return max(1, min(len(os.sched_getaffinity(0)), _quota()))


def _quota() -> int:
    if CGROUP_V2_QUOTA.is_file():
        quota, period = CGROUP_V2_QUOTA.read_text().split()
    elif CGROUP_V1_QUOTA.is_file() and CGROUP_V1_PERIOD.is_file():
        quota, period = CGROUP_V1_QUOTA.read_text().strip(), CGROUP_V1_PERIOD.read_text()
    else:
        return 1 << 16
    if quota in ("max", "-1"):
        return 1 << 16
    return round(int(quota) / int(period))
