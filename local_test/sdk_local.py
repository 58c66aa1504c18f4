"""The same training job through the SageMaker Python SDK's local mode: the SDK starts the image, on one host or more.

What the SDK would send to SageMaker it writes into a Docker Compose file instead; no AWS account is asked.
"""

import argparse
import logging
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from subprocess import DEVNULL

from container import contract
from container.errors import UserError
from container.hyperparameters import Hyperparameters
from local_test.archive_members import checked_members
from local_test.image import DEFAULT_IMAGE, EngineError, docker, require_image
from local_test.interrupts import exit_status, listening
from local_test.opt_ml import find_channels
from local_test.started import POLL_SECONDS, Started
from local_test.train_local import pair

COMPOSE_FILE = "docker-compose.yaml"  # in the run's folder, as the SDK calls it
MAX_OUTPUT_BYTES = 64 << 30  # of what a job may leave: its tensors and profile are most of it

EXAMPLES = """examples:
  python -m local_test.sdk_local data/sample --run runs/sdk -p pretrained=none -p image_size=64
  python -m local_test.sdk_local data/sample --run runs/sdk2 --instances 2 -p pretrained=none -p head=linear"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.sdk_local",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="folder with train/, valid/ and test/, or with one folder per class")
    parser.add_argument("--run", type=Path, default=Path("runs/sdk"), help="folder for the run; must be new or empty")
    parser.add_argument("--instances", type=int, default=1, help="hosts algo-1, algo-2, ... (default: 1)")
    parser.add_argument("--image", default=DEFAULT_IMAGE, help=f"image to run (default: {DEFAULT_IMAGE})")
    parser.add_argument(
        "-p", dest="parameters", metavar="NAME=VALUE", type=pair, action="append", default=[], help="a hyperparameter"
    )
    options = parser.parse_args(arguments)
    if options.run.is_dir() and any(options.run.iterdir()):
        print(
            f"{options.run} is not empty; the SDK would mix old files into the new run: give another --run.",
            file=sys.stderr,
        )
        return 1
    try:
        require_image(options.image)
        train_with_sdk(options.data, options.run, dict(options.parameters), options.instances, options.image)
    except (UserError, EngineError) as error:
        print(error, file=sys.stderr)
        return 1
    except RuntimeError as error:  # the SDK's, when a container ends badly
        failures = sorted(options.run.glob("*/output/failure"))
        print(f"\nTraining failed: {failures[0].read_text() if failures else error}", file=sys.stderr)
        return 1
    print(f"\nServe it: python -m local_test.serve_local {options.run}")
    return 0


def train_with_sdk(data: Path, run_dir: Path, hyperparameters: dict[str, str], instances: int, image: str) -> None:
    """Run ModelTrainer in local mode; model and output come to lie in the run's folder as train_local leaves them.

    Raises UserError before anything is started, RuntimeError if a container fails.
    """
    channels = find_channels(data)
    Hyperparameters.from_text(dict(hyperparameters))
    run_dir.mkdir(parents=True, exist_ok=True)
    # The SDK wants a region and looks for credentials, though nothing is sent anywhere.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    from sagemaker.core.training.configs import Compute, InputData
    from sagemaker.train.model_trainer import Mode, ModelTrainer

    logging.getLogger("sagemaker").setLevel(logging.WARNING)
    trainer = ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER,
        training_image=image,
        compute=Compute(instance_type="local_cpu", instance_count=instances),
        hyperparameters=dict(hyperparameters),
        input_data_config=[
            InputData(channel_name=name, data_source=str(folder.absolute())) for name, folder in channels.items()
        ],
        base_job_name="image-classifier",
        local_container_root=str(run_dir.absolute()),
    )
    hosts = Hosts(run_dir / COMPOSE_FILE)
    with listening(hosts.stop):  # the SDK makes a success of an interrupted job
        try:
            trainer.train(wait=True)
        finally:
            hosts.remove()
    if hosts.is_stopped:
        raise KeyboardInterrupt
    _unpack_output(run_dir)


class Hosts:
    """The containers that the SDK has Docker Compose start, by the file that it writes for it."""

    def __init__(self, compose_file: Path) -> None:
        self._file = compose_file
        self._removals: list[Started] = []
        self.is_stopped = False

    def stop(self, number: int) -> None:
        """Ctrl-C: in order, as the platform stops a job, and so that the SDK sees them end; at once the second time."""
        if not self._file.is_file():  # nothing has been started
            raise KeyboardInterrupt
        is_first, self.is_stopped = not self.is_stopped, True
        if is_first or number != signal.SIGHUP:
            self._down(contract.STOP_GRACE_SECONDS if is_first else 0)

    def remove(self) -> None:
        """What has ended, with its network."""
        if self._file.is_file():
            self._down(contract.STOP_GRACE_SECONDS)
        for removal in self._removals:
            while removal.status is None:
                removal.wait(POLL_SECONDS)

    def _down(self, grace_seconds: int) -> None:
        command = [*_compose(), "-f", str(self._file), "down", "--timeout", str(grace_seconds)]
        self._removals.append(Started(command, stdout=DEVNULL, stderr=DEVNULL))


def _compose() -> list[str]:
    """The command that the SDK takes, too."""
    plugin = subprocess.run([docker(), "compose", "version"], capture_output=True, check=False)
    return [docker(), "compose"] if plugin.returncode == 0 else ["docker-compose"]


def _unpack_output(run_dir: Path) -> None:
    # The SDK removes every host's output folder once it has packed them.
    archive = run_dir / "compressed_artifacts" / "output.tar.gz"
    with tarfile.open(archive) as packed:
        packed.extractall(run_dir / "output", members=checked_members(packed, archive, MAX_OUTPUT_BYTES), filter="data")


if __name__ == "__main__":
    sys.exit(exit_status(main))
