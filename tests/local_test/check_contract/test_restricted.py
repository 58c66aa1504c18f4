"""Whether a container is as restricted as it was asked to be, told from its mounts; and its memory."""

from typing import Any

import pytest

from local_test.check_contract.restricted import broken_restrictions, peak_memory

ROOT = "1 0 0:1 / / {} - overlay overlay rw\n"
SHM = "2 1 0:2 / /dev/shm rw,nosuid - tmpfs shm rw\n"


class FakeContainer:
    def __init__(self) -> None:
        self._files: dict[str, str] = {}

    def read(self, *paths: str) -> str | None:
        return next((self._files[path] for path in paths if path in self._files), None)

    def inspect(self) -> dict[str, Any]:
        return {"State": {"Pid": 0}}


def with_mounts(text: str) -> Any:
    container = FakeContainer()
    container._files["/proc/1/mountinfo"] = text
    return container


@pytest.mark.parametrize(
    ("mounts", "problem"),
    [
        (ROOT.format("ro,relatime"), ""),
        (ROOT.format("rw,relatime"), "its root file system is writable"),
        (ROOT.format("ro,relatime") + SHM, "/dev/shm is mounted"),
    ],
)
def test_a_restriction_that_does_not_hold_is_named(mounts: str, problem: str) -> None:
    assert broken_restrictions(with_mounts(mounts)) == problem


def test_mounts_that_cannot_be_read_prove_nothing() -> None:
    container: Any = FakeContainer()
    assert broken_restrictions(container) == "its mounts could not be read"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "peak memory unknown"),
        (
            {"/sys/fs/cgroup/memory.peak": "367001600\n", "/sys/fs/cgroup/memory.stat": "anon 314572800\nfile 1\n"},
            "peak 350 MiB with cached files, 300 MiB without",
        ),
        (
            {
                "/sys/fs/cgroup/memory/memory.max_usage_in_bytes": "367001600\n",
                "/sys/fs/cgroup/memory/memory.stat": "cache 1\ntotal_rss 314572800\n",
            },
            "peak 350 MiB with cached files, 300 MiB without",
        ),
    ],
)
def test_peak_memory_is_read_from_either_kind_of_control_group(files: dict[str, str], told: str) -> None:
    container: Any = FakeContainer()
    container._files.update(files)
    assert peak_memory(container) == told
