from pathlib import Path

import pytest

from container.hyperparameters import Hyperparameters
from container.training import memory
from container.training.memory import count_kills, is_out_of_memory, what_to_try


@pytest.mark.parametrize(
    ("batch_size", "steps", "num_processes", "expected"),
    [
        (64, 1, 1, "set accumulation_steps=2, which trains the same batch of 64 in smaller parts, or batch_size=32"),
        (16, 1, 2, "set accumulation_steps=2, which trains the same batch of 16 in smaller parts, or batch_size=8"),
        (16, 2, 2, "lower image_size, or take a smaller backbone or a larger machine"),
        (7, 1, 1, "lower image_size, or take a smaller backbone or a larger machine"),
    ],
)
def test_what_to_try_can_be_trained_with(batch_size: int, steps: int, num_processes: int, expected: str) -> None:
    hyperparameters = Hyperparameters(batch_size=batch_size, accumulation_steps=steps)
    assert what_to_try(hyperparameters, num_processes) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
            True,
        ),
        (RuntimeError("shapes cannot be multiplied"), False),
        (OSError(28, "No space left on device"), False),
    ],
)
def test_a_lack_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("low 0\noom 3\noom_kill 2\noom_group_kill 0\n", 2), ("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", 1),
     ("nonsense\n", 0), (None, 0)],
    ids=["cgroup v2", "cgroup v1", "no counter", "no file"],
)  # fmt: skip
def test_the_kernel_is_asked_whom_it_has_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, expected: int
) -> None:
    if text is not None:
        (tmp_path / "events").write_text(text)
    monkeypatch.setattr(memory, "KILL_COUNTERS", (tmp_path / "none", tmp_path / "events"))
    assert count_kills() == expected
