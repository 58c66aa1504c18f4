from pathlib import Path

import pytest

from container.training import workers
from container.training.workers import choose_workers


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (4, 3)])
def test_minus_one_leaves_a_core_to_the_training_process(cores: int, expected: int) -> None:
    assert choose_workers(-1, cores, batch_bytes=1) == expected


@pytest.mark.parametrize("requested", [0, 1, 5])
def test_a_number_is_taken_as_given(requested: int) -> None:
    assert choose_workers(requested, cores=2, batch_bytes=1) == requested


def test_small_shared_memory_limits_the_workers_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "_free_shared_memory", lambda: 64 * 2**20)  # Docker's default
    assert choose_workers(8, cores=8, batch_bytes=3 * 224 * 224 * 64) == 1
    assert "has room for the batches of 1 loader processes: using 1, not 8." in capsys.readouterr().out


def test_without_shared_memory_the_training_process_decodes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "SHARED_MEMORY", tmp_path / "missing")
    assert choose_workers(-1, cores=4, batch_bytes=1) == 0
    assert "using 0, not 3" in capsys.readouterr().out
