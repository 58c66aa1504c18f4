import json
from pathlib import Path

import pytest

from container.errors import ChannelError, SettingsError
from container.settings import TrainSettings
from local_test.opt_ml import find_channels, lay_out
from tests.job_folder import write_class_folders


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    for split in ("train", "valid", "test"):
        write_class_folders(tmp_path / "data" / split, per_class=1)
    return tmp_path / "data"


def test_a_data_set_of_three_splits_has_three_channels(data_set: Path) -> None:
    assert find_channels(data_set) == {name: data_set / name for name in ("train", "valid", "test")}


def test_a_folder_of_class_folders_is_the_train_channel(data_set: Path) -> None:
    assert find_channels(data_set / "train") == {"train": data_set / "train"}


def test_a_folder_without_images_is_refused_with_the_layout_that_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(ChannelError, match="one folder per class"):
        find_channels(tmp_path)


def test_the_training_process_reads_the_layout_as_it_was_given(data_set: Path, tmp_path: Path) -> None:
    run = lay_out(tmp_path / "run", {"num_epochs": "3"}, find_channels(data_set), link=True)
    settings = TrainSettings.read({"SAGEMAKER_BASE_DIR": str(run.root)})
    assert settings.hyperparameters.num_epochs == 3
    assert sorted(settings.channels) == ["test", "train", "valid"]
    assert len(list(settings.channels["train"].rglob("*.jpg"))) == 3
    assert settings.model_dir == run.model_dir


def test_a_wrong_hyperparameter_is_refused_before_anything_is_written(data_set: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="num_epochs"):
        lay_out(tmp_path / "run", {"num_epoch": "3"}, find_channels(data_set), link=True)
    assert not (tmp_path / "run").exists()


def test_laying_out_again_keeps_checkpoints_and_takes_the_new_settings(data_set: Path, tmp_path: Path) -> None:
    channels = find_channels(data_set)
    run = lay_out(tmp_path / "run", {}, channels, link=False)
    checkpoint = run.root / "checkpoints" / "checkpoint-1.pt"
    checkpoint.touch()
    again = lay_out(tmp_path / "run", {"seed": "7"}, channels, link=True)
    assert checkpoint.exists()
    assert json.loads((again.config_dir / "hyperparameters.json").read_text()) == {"seed": "7"}
    assert (again.channels_dir / "train").is_symlink()


def test_data_that_lies_inside_the_run_is_never_removed(data_set: Path, tmp_path: Path) -> None:
    own = tmp_path / "run" / "input" / "data" / "train" / "own.jpg"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(ChannelError, match="not empty"):
        lay_out(tmp_path / "run", {}, find_channels(data_set), link=True)
    assert own.exists()
