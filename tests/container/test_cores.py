import os

import pytest

from container.cores import available_cores

AFFINITY = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def test_without_a_quota_the_affinity_counts(tmp_path):
    assert available_cores(tmp_path) == AFFINITY


@pytest.mark.parametrize(("quota", "cores"), [("max 100000", AFFINITY), ("100000 100000", 1), ("50000 100000", 1)])
def test_the_quota_of_cgroup_version_2_counts(tmp_path, quota, cores):
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert available_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", AFFINITY), ("150000", 1), ("100000000", AFFINITY)])
def test_the_quota_of_cgroup_version_1_counts(tmp_path, quota, cores):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert available_cores(tmp_path) == cores
