"""The settings of the training process: the only reader of /opt/ml/input/config and of the launcher's variables."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container import contract
from container.errors import SettingsError
from container.hyperparameters import Hyperparameters

SDK_CHANNELS = ("code", "sm_drivers", "recipe")  # added by the SageMaker Python SDK; they hold no data


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    base_dir: Path
    hyperparameters: Hyperparameters
    channels: dict[str, Path]  # channel name -> folder
    model_dir: Path
    output_dir: Path
    output_data_dir: Path
    checkpoint_dir: Path
    features_dir: Path  # of cached features: read and written
    hosts: tuple[str, ...]
    current_host: str
    network_interface: str
    job_name: str
    is_trial: bool  # one of a tuning job's trainings
    rank: int  # of this process among all, from torchrun; 0 without it
    local_rank: int  # of this process on its host
    world_size: int

    @property
    def processes_per_host(self) -> int:
        return max(1, self.world_size // len(self.hosts))

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "TrainSettings":
        """Everything a training process is told. Raises SettingsError that names the file or value at fault."""
        base_dir = base_dir_from(environ)
        config_dir = base_dir / "input" / "config"
        resource_config = read_json(config_dir / contract.RESOURCE_CONFIG_FILE)
        checkpoint_config = read_json(config_dir / contract.CHECKPOINT_CONFIG_FILE)
        checkpoint_dir = under_base_dir(
            checkpoint_config.get("LocalPath") or contract.BASE_DIR / "checkpoints", base_dir
        )
        hosts = tuple(resource_config.get("hosts") or ["localhost"])
        given = read_json(config_dir / contract.HYPERPARAMETERS_FILE)
        return cls(
            base_dir=base_dir,
            hyperparameters=Hyperparameters.from_text(given),
            channels=_find_channels(
                base_dir / "input" / "data", read_json(config_dir / contract.INPUT_DATA_CONFIG_FILE)
            ),
            model_dir=base_dir / "model",
            output_dir=base_dir / "output",
            output_data_dir=base_dir / "output" / "data",
            checkpoint_dir=checkpoint_dir,
            # Beside the checkpoints, a spot job that goes on elsewhere finds its features too.
            features_dir=Path(environ.get(contract.FEATURES_DIR_VARIABLE) or checkpoint_dir / "features"),
            hosts=hosts,
            current_host=resource_config.get("current_host") or hosts[0],
            network_interface=resource_config.get("network_interface_name") or "",
            job_name=environ.get("TRAINING_JOB_NAME", "local"),
            is_trial=contract.TUNING_OBJECTIVE in given,
            rank=int(environ.get("RANK", 0)),
            local_rank=int(environ.get("LOCAL_RANK", 0)),
            world_size=int(environ.get("WORLD_SIZE", 1)),
        )

    def channel(self, names: tuple[str, ...]) -> Path | None:
        """The folder of the first of these channels that the job has."""
        return next((self.channels[name] for name in names if name in self.channels), None)


def base_dir_from(environ: Mapping[str, str] = os.environ) -> Path:
    return Path(environ.get(contract.BASE_DIR_VARIABLE, str(contract.BASE_DIR)))


def under_base_dir(path: str | Path, base_dir: Path) -> Path:
    """A path of the platform's, which starts with /opt/ml: without a container the same tree lies elsewhere."""
    path = Path(path)
    return base_dir / path.relative_to(contract.BASE_DIR) if path.is_relative_to(contract.BASE_DIR) else path


def read_json(path: Path) -> dict[str, Any]:
    """The object in a configuration file; empty where there is no file, as SageMaker leaves out what is not set."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text() or "{}")
    except ValueError as error:
        raise SettingsError(f"{path} is not valid JSON ({error}); correct it or remove it.") from error
    if not isinstance(content, dict):
        raise SettingsError(f"{path} must hold a JSON object, not a {type(content).__name__}.")
    return content


def _find_channels(data_dir: Path, declared: dict[str, Any]) -> dict[str, Path]:
    for name, channel in declared.items():
        if (channel or {}).get("TrainingInputMode") == "Pipe":
            raise SettingsError(f"Channel {name!r} uses input mode Pipe, which has no folders; use File or FastFile.")
    if not data_dir.is_dir():
        return {}
    names = sorted(declared) or sorted(path.name for path in data_dir.iterdir() if path.is_dir())
    return {name: data_dir / name for name in names if name not in SDK_CHANNELS and (data_dir / name).is_dir()}
