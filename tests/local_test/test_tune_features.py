"""tune with a frozen backbone, as a user runs it: all trials together compute the backbone's features once."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from local_test import train_local, tune
from tests.job_folder import FAST, write_data_set

# Two epochs, so that no trial is pruned: none is before its second epoch, and none in its last.
CHOSEN = {**FAST, "fine_tune": "head", "augment": "basic", "cached_views": "2", "feature_cache": "on"}
FIXED = [f"-p{name}={value}" for name, value in CHOSEN.items() if name != "learning_rate"]
RANGES = """
[ranges.learning_rate]
low = 1e-4
high = 1e-2
"""
EVERY_VIEW = Counter(["train, view 1 of 2", "train, view 2 of 2", "valid", "test"])


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune-features")
    (folder / "ranges.toml").write_text(RANGES)
    return write_data_set(folder / "data", per_class=4)


def arguments(data_dir: Path, run_dir: Path, trials: int, *more: str) -> list[str]:
    ranges = ["--space", str(data_dir.parent / "ranges.toml"), "--parallel", "2"]
    return [str(data_dir), "--no-docker", *ranges, "--run", str(run_dir), "--trials", str(trials), *FIXED, *more]


def computed(run_dir: Path) -> Counter[str]:
    """How often each view was computed, by the logs of all trials."""
    logs = [path.read_text() for path in run_dir.glob("trial-*/log.txt")]
    return Counter(name for log in logs for name in re.findall(r"Computed features of (.*?): ", log))


@pytest.fixture(scope="module")
def run_dir(data_dir: Path) -> Path:
    """A study of three trials, two at a time, that was gone on with for a fourth."""
    run = data_dir.parent / "run"
    assert tune.main(arguments(data_dir, run, 3)) == 0
    assert computed(run) == EVERY_VIEW
    assert tune.main(arguments(data_dir, run, 4)) == 0
    return run


def test_over_all_trials_each_view_of_each_split_is_computed_once(run_dir: Path) -> None:
    assert computed(run_dir) == EVERY_VIEW
    rows = json.loads((run_dir / "trials.json").read_text())["trials"]
    assert [row["state"] for row in rows] == ["Completed"] * 4
    assert len({row["value"] for row in rows}) == 4
    assert len(list((run_dir / "features").glob("*.features"))) == 4
    assert not list(run_dir.glob("trial-*/checkpoints/features"))


def test_a_trial_is_the_job_that_trains_alone_with_its_hyperparameters(
    run_dir: Path, data_dir: Path, tmp_path: Path
) -> None:
    row = json.loads((run_dir / "trials.json").read_text())["trials"][3]
    chosen = [f"-p{name}={value}" for name, value in row["hyperparameters"].items()]
    assert train_local.main([str(data_dir), "--run", str(tmp_path / "run"), "--no-docker", *FIXED, *chosen]) == 0
    metrics = json.loads((tmp_path / "run" / "output" / "data" / "metrics.json").read_text())
    assert metrics["valid"]["loss"] == pytest.approx(row["value"], abs=1e-6)  # the log has six places


def test_another_run_takes_a_studys_features_as_its_channel(
    run_dir: Path, data_dir: Path, tmp_path: Path, capfd
) -> None:
    channel = shutil.copytree(run_dir / "features", tmp_path / "features")
    before = {path: path.read_bytes() for path in channel.iterdir()}
    given = [str(data_dir), "--run", str(tmp_path / "run"), "--no-docker", *FIXED, "--features", str(channel)]
    assert train_local.main(given) == 0
    printed = capfd.readouterr().out
    assert "Training the head on features: 4 of 4 views are there" in printed
    assert "Computed features" not in printed
    assert {path: path.read_bytes() for path in channel.iterdir()} == before


@pytest.mark.parametrize("option", ["--features", "--weights"])
def test_a_channel_that_is_no_folder_is_named_before_anything_starts(
    data_dir: Path, tmp_path: Path, capsys, option: str
) -> None:
    missing = tmp_path / "missing"
    assert tune.main(arguments(data_dir, tmp_path / "run", 1, option, str(missing))) == 1
    name = {"--features": "features", "--weights": "pretrained"}[option]
    assert f"The channel {name} cannot be {missing}, which is no folder; give another." in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
