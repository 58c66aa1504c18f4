import json
from collections.abc import Callable
from pathlib import Path

import pytest

from container import contract
from container.errors import SettingsError
from container.hyperparameters import Hyperparameters
from container.settings import TrainSettings
from tests.job_folder import JobFolder


def test_a_folder_without_configuration_files_gives_one_local_host_and_the_defaults(job_folder: JobFolder) -> None:
    settings = job_folder.settings()
    assert settings.hyperparameters == Hyperparameters()
    assert (settings.hosts, settings.current_host) == (("localhost",), "localhost")
    assert (settings.rank, settings.local_rank, settings.world_size) == (0, 0, 1)
    assert settings.channels == {}


def test_the_base_folder_may_be_missing_altogether(tmp_path: Path) -> None:
    settings = TrainSettings.read({contract.BASE_DIR_VARIABLE: str(tmp_path / "nothing")})
    assert settings.model_dir == tmp_path / "nothing" / "model"
    assert settings.channels == {}


def test_without_the_variable_the_folders_are_those_of_the_platform() -> None:
    settings = TrainSettings.read({})
    assert settings.model_dir == Path("/opt/ml/model")
    assert settings.checkpoint_dir == Path("/opt/ml/checkpoints")
    assert settings.output_data_dir == Path("/opt/ml/output/data")


def test_features_are_kept_with_the_checkpoints_unless_the_variable_names_a_folder(job_folder: JobFolder) -> None:
    assert job_folder.settings().features_dir == job_folder.checkpoint_dir / "features"
    shared = TrainSettings.read({**job_folder.environ, contract.FEATURES_DIR_VARIABLE: "/shared/features"})
    assert shared.features_dir == Path("/shared/features")
    unset = TrainSettings.read({**job_folder.environ, contract.FEATURES_DIR_VARIABLE: ""})
    assert unset.features_dir == job_folder.checkpoint_dir / "features"


def test_the_hosts_are_read_as_a_real_job_writes_them(job_folder: JobFolder) -> None:
    # Source: a resourceconfig.json of 2025; only the first three names are guaranteed.
    resources = {
        "current_host": "algo-2",
        "hosts": ["algo-1", "algo-2"],
        "network_interface_name": "eth0",
        "current_instance_type": "ml.c5.xlarge",
        "topology": None,
    }
    job_folder.write_config("resourceconfig.json", json.dumps(resources))
    settings = job_folder.settings()
    assert (settings.hosts, settings.current_host) == (("algo-1", "algo-2"), "algo-2")
    assert settings.network_interface == "eth0"


def test_the_place_among_the_processes_comes_from_torchrun(job_folder: JobFolder) -> None:
    job_folder.write_config("resourceconfig.json", '{"hosts": ["algo-1", "algo-2"]}')
    settings = TrainSettings.read(job_folder.environ | {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4"})
    assert (settings.rank, settings.local_rank, settings.world_size) == (3, 1, 4)
    assert settings.processes_per_host == 2


@pytest.mark.parametrize(
    "name", ["hyperparameters.json", "resourceconfig.json", "inputdataconfig.json", "checkpointconfig.json"]
)
@pytest.mark.parametrize(
    ("text", "sentence"), [('{"a": ', "is not valid JSON"), ("[1]", "must hold a JSON object, not a list")]
)
def test_a_malformed_configuration_file_is_named(job_folder: JobFolder, name: str, text: str, sentence: str) -> None:
    job_folder.write_config(name, text)
    with pytest.raises(SettingsError, match=sentence) as caught:
        job_folder.settings()
    assert str(job_folder.config_dir / name) in str(caught.value)


def test_a_configuration_file_that_is_no_text_is_named(job_folder: JobFolder) -> None:
    (job_folder.config_dir / "hyperparameters.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(SettingsError, match=r"hyperparameters\.json is not valid JSON"):
        job_folder.settings()


@pytest.mark.parametrize("name", ["hyperparameters.json", "inputdataconfig.json"])
def test_an_empty_configuration_file_counts_as_none(job_folder: JobFolder, name: str) -> None:
    assert job_folder.write_config(name, "").settings().hyperparameters == Hyperparameters()


@pytest.mark.parametrize(
    ("local_path", "expected"),
    [("/opt/ml/checkpoints", "{base}/checkpoints"), ("/opt/ml/state/a", "{base}/state/a"), ("/mnt/c", "/mnt/c")],
)
def test_the_checkpoint_folder_is_the_configured_one(job_folder: JobFolder, local_path: str, expected: str) -> None:
    job_folder.write_config("checkpointconfig.json", json.dumps({"LocalPath": local_path, "S3Uri": "s3://bucket/x"}))
    assert str(job_folder.settings().checkpoint_dir) == expected.format(base=job_folder.base_dir)


def test_a_pipe_channel_is_refused_by_name(job_folder: JobFolder) -> None:
    job_folder.write_config("inputdataconfig.json", '{"train": {"TrainingInputMode": "Pipe"}}')
    with pytest.raises(SettingsError, match=r"Channel 'train' uses input mode Pipe.*use File or FastFile"):
        job_folder.settings()


@pytest.mark.parametrize("mode", ["File", "FastFile"])
def test_file_and_fast_file_channels_are_folders(job_folder: JobFolder, mode: str) -> None:
    (job_folder.data_dir / "train").mkdir()
    job_folder.write_config("inputdataconfig.json", json.dumps({"train": {"TrainingInputMode": mode}}))
    assert job_folder.settings().channels == {"train": job_folder.data_dir / "train"}


def test_channels_that_the_sdk_adds_are_ignored(job_folder: JobFolder) -> None:
    for name in ("train", "code", "sm_drivers", "recipe"):
        (job_folder.data_dir / name).mkdir()
    assert list(job_folder.settings().channels) == ["train"]
    declared = {name: {"TrainingInputMode": "File"} for name in ("train", "code", "sm_drivers")}
    job_folder.write_config("inputdataconfig.json", json.dumps(declared))
    assert list(job_folder.settings().channels) == ["train"]


def test_a_declared_channel_without_a_folder_does_not_exist(job_folder: JobFolder) -> None:
    job_folder.write_config("inputdataconfig.json", '{"train": {"TrainingInputMode": "File"}}')
    assert job_folder.settings().channels == {}


@pytest.mark.parametrize(
    ("present", "names", "expected"),
    [
        (["valid"], contract.VALID_CHANNELS, "valid"),
        (["validation"], contract.VALID_CHANNELS, "validation"),
        (["training"], contract.TRAIN_CHANNELS, "training"),
        (["train", "training"], contract.TRAIN_CHANNELS, "train"),
        (["train"], contract.TEST_CHANNELS, None),
    ],
)
def test_a_channel_is_found_under_each_of_its_names(
    job_folder: JobFolder, present: list[str], names: tuple[str, ...], expected: str | None
) -> None:
    for name in present:
        (job_folder.data_dir / name).mkdir()
    found = job_folder.settings().channel(names)
    assert found == (job_folder.data_dir / expected if expected else None)


def test_two_jobs_can_lie_side_by_side(new_job_folder: Callable[[str], JobFolder]) -> None:
    one, two = new_job_folder("one").configure(seed=1), new_job_folder("two").configure(seed=2)
    assert (one.settings().hyperparameters.seed, two.settings().hyperparameters.seed) == (1, 2)
