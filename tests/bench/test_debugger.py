from pathlib import Path

import pytest

from bench import debugger
from bench.photos import write_class_folders


def test_a_job_with_everything_saved_at_every_step_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"backbone": "squeezenet1_1", "image_size": "32"}
    monkeypatch.setattr(debugger, "HYPERPARAMETERS", {**debugger.HYPERPARAMETERS, **small})
    data = write_class_folders(tmp_path / "data", 2, train=16, valid=1)
    milliseconds = debugger.train(tmp_path / "run", data, 2, off=False, interval=1)
    assert 1 < milliseconds < 10_000
    saved = list((tmp_path / "run" / "output" / "tensors" / "events").iterdir())
    assert len(saved) == 4  # two epochs of two steps
