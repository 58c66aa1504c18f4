import os

import pytest

from container.serving.container_memory import container_memory

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("memory.max", "104857600\n", 104857600),
        ("memory.max", "max\n", MACHINE),
        ("memory/memory.limit_in_bytes", "104857600\n", 104857600),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", MACHINE),
        ("memory.max", "", MACHINE),
    ],
)
def test_the_limit_of_the_container_is_read_or_else_the_machines_memory(tmp_path, file, text, expected):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert container_memory(tmp_path) == expected


def test_without_a_cgroup_it_is_the_machines_memory(tmp_path):
    assert container_memory(tmp_path / "missing") == MACHINE
