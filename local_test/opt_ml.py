"""An /opt/ml tree on this machine, laid out as SageMaker lays it out, in a folder of its own: a run."""

import json
from dataclasses import dataclass
from pathlib import Path

from container import contract
from container.errors import ChannelError
from container.hyperparameters import Hyperparameters

CHANNELS = ("train", "valid", "test")


@dataclass(frozen=True)
class Run:
    """A run's folder, which stands in for /opt/ml."""

    root: Path

    @property
    def model_dir(self) -> Path:
        return self.root / "model"

    @property
    def config_dir(self) -> Path:
        return self.root / "input" / "config"

    @property
    def channels_dir(self) -> Path:
        return self.root / "input" / "data"

    @property
    def metrics_path(self) -> Path:
        return self.root / "output" / "data" / contract.METRICS_FILE

    @property
    def failure(self) -> str:
        """The failure file's sentence, or nothing."""
        path = self.root / "output" / "failure"
        return path.read_text() if path.is_file() else ""


def find_channels(data_dir: Path) -> dict[str, Path]:
    """The channel folders of a data set in the dogImages layout; the folder itself is `train` if it has classes only.

    Raises ChannelError if there is nothing to train on.
    """
    found = {name: data_dir / name for name in CHANNELS if (data_dir / name).is_dir()}
    if "train" in found:
        return found
    if data_dir.is_dir() and any(path.is_dir() for path in data_dir.iterdir()):
        return {"train": data_dir}
    raise ChannelError(
        f"{data_dir} holds no images to train on; it needs train/, valid/ and test/ folders with one folder per class "
        "in each, or just one folder per class."
    )


def lay_out(root: Path, hyperparameters: dict[str, str], channels: dict[str, Path], *, link: bool) -> Run:
    """The run's folder with its configuration files; an existing one is kept, so that the same command goes on.

    `link` puts links to the channels into the tree; without it the caller mounts them there. Raises SettingsError if a
    hyperparameter is wrong: before anything is started.
    """
    Hyperparameters.from_text(dict(hyperparameters))
    run = Run(root.absolute())
    for folder in (
        run.config_dir,
        run.channels_dir,
        run.model_dir,
        run.root / "output" / "data",
        run.root / "checkpoints",
    ):
        folder.mkdir(parents=True, exist_ok=True)
    channel_config = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    host = "localhost" if link else "algo-1"
    _write(run.config_dir / contract.HYPERPARAMETERS_FILE, hyperparameters)
    _write(run.config_dir / contract.INPUT_DATA_CONFIG_FILE, dict.fromkeys(channels, channel_config))
    _write(
        run.config_dir / contract.RESOURCE_CONFIG_FILE,
        {"current_host": host, "hosts": [host], "network_interface_name": "eth0", "current_instance_type": "local"},
    )
    for name, folder in channels.items():
        _place(run.channels_dir / name, folder.absolute(), link)
    return run


def _place(path: Path, folder: Path, link: bool) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        try:
            path.rmdir()  # the empty mount point of an earlier start
        except OSError as error:
            raise ChannelError(f"{path} is not empty; give the data from outside the run's folder.") from error
    if link:
        path.symlink_to(folder, target_is_directory=True)
    else:
        path.mkdir()


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
