"""A training job as the platform starts it: an /opt/ml with every file that has been seen there, and `train`."""

import json
from collections.abc import Mapping
from pathlib import Path

from local_test.check_contract.engine import Container, Engine, mount, variables
from local_test.check_contract.subject import Subject

BASE_DIR = "/opt/ml"
HOST = "algo-1"
JOB_NAME = "check-contract"
# Hyperparameters that the platform and its SDK add to a person's.
ADDED_HYPERPARAMETERS = {
    "_tuning_objective_metric": "objective",
    "sagemaker_region": "us-east-1",
    "sagemaker_job_name": JOB_NAME,
}
# Seen in real containers, documented nowhere: an image must bear them.
UNDOCUMENTED_FILES = (
    "init-config.json",
    "metric-definition-regex.json",
    "trainingjobconfig.json",
    "upstreamoutputdataconfig.json",
)
UNKNOWN_CHANNEL = "sm_drivers"  # of the SDK's ModelTrainer
CHANNEL_CONFIG = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
RESOURCE_CONFIG = {
    "current_host": HOST,
    "current_instance_type": "ml.m5.xlarge",
    "current_group_name": "homogeneousCluster",
    "hosts": [HOST],
    "instance_groups": [
        {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.xlarge", "hosts": [HOST]}
    ],
    "network_interface_name": "eth0",
    "topology": None,
}
ENVIRONMENT = {
    "TRAINING_JOB_NAME": JOB_NAME,
    "TRAINING_JOB_ARN": f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{JOB_NAME}",
    "AWS_REGION": "us-east-1",
    "SAGEMAKER_METRICS_DIRECTORY": f"{BASE_DIR}/output/metrics/sagemaker",
}


class TrainingJob:
    """One job's /opt/ml on this machine."""

    def __init__(self, root: Path, subject: Subject, hyperparameters: Mapping[str, str]) -> None:
        self.root = root
        self.model_dir = root / "model"
        self.checkpoint_dir = root / "checkpoints"
        self.failure_path = root / "output" / "failure"
        self._subject = subject
        self._channels = dict(subject.training.channels)
        for folder in (self.model_dir, self.checkpoint_dir, root / "output" / "data", root / "input" / "config"):
            folder.mkdir(parents=True)
        unknown = root / "input" / "data" / UNKNOWN_CHANNEL
        unknown.mkdir(parents=True)
        (unknown / "sm_train.sh").write_text("echo not for you\n")
        self._write("hyperparameters.json", {**hyperparameters, **ADDED_HYPERPARAMETERS})
        self._write("inputdataconfig.json", dict.fromkeys([*self._channels, UNKNOWN_CHANNEL], CHANNEL_CONFIG))
        self._write("resourceconfig.json", RESOURCE_CONFIG)
        self._write("checkpointconfig.json", {"LocalPath": f"{BASE_DIR}/checkpoints"})
        for name in UNDOCUMENTED_FILES:
            self._write(name, {"unknown": ["to", "the", "image"]})

    def empty_channels(self) -> "TrainingJob":
        """Every channel a folder with nothing in it: a job that must fail."""
        for name in self._channels:
            folder = self.root / "empty" / name
            folder.mkdir(parents=True)
            self._channels[name] = folder
        return self

    def start(self, engine: Engine, *command: str) -> Container:
        """The job's container; no command means the image's own. Raises NotStartedError."""
        mounts = mount(self.root, BASE_DIR)
        for name, folder in self._channels.items():
            mounts += mount(folder.absolute(), f"{BASE_DIR}/input/data/{name}", read_only=True)
        options = [*mounts, *variables(ENVIRONMENT), "--hostname", HOST, *self._subject.docker_options]
        return engine.start(self._subject.image, *command, options=options)

    def files(self, folder: Path) -> list[Path]:
        """Every file below it that holds anything."""
        return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]

    def failure(self) -> str:
        """What the failure file says, or nothing."""
        return self.failure_path.read_text(errors="replace") if self.failure_path.is_file() else ""

    def _write(self, name: str, content: object) -> None:
        (self.root / "input" / "config" / name).write_text(json.dumps(content))
