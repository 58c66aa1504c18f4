"""A training job on this machine: lays out an /opt/ml tree and runs the image on it, or, without Docker, a process."""

import argparse
import os
import subprocess
import sys
import uuid
from pathlib import Path

from container import contract
from container.errors import ChannelError, UserError
from container.hyperparameters import Hyperparameters
from container.schema import describe
from local_test.image import (
    DEFAULT_IMAGE,
    EngineError,
    docker,
    require_image,
    require_own_files,
    without_privileges,
)
from local_test.interrupts import INTERRUPTED, exit_status
from local_test.opt_ml import Run, find_channels, lay_out
from local_test.started import Started, StartedContainer, follow

PROJECT_DIR = Path(__file__).parents[1]

EXAMPLES = """examples:
  python -m local_test.train_local data/dogImages --run runs/dogs
  python -m local_test.train_local photos --run runs/photos --no-docker -p num_epochs=3 -p fine_tune=last_block

Run it again with the same --run to go on from the last checkpoint."""


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        if not options.no_docker:
            require_image(options.image)
        channels = chosen_channels(options)
        run = lay_out(options.run, dict(options.parameters), channels, link=options.no_docker)
        if not options.no_docker:
            require_own_files(run.root)
    except (UserError, EngineError) as error:
        print(error, file=sys.stderr)
        return 1
    status = train_in_process(run) if options.no_docker else train_in_docker(run, channels, options.image)
    if status == INTERRUPTED:
        print("\nStopped, and nothing is left running; the same command goes on from the checkpoint.")
        return INTERRUPTED
    if status:
        print(f"\nTraining failed: {run.failure or 'see the lines above'}", file=sys.stderr)
        return 1
    docker_flag = " --no-docker" if options.no_docker else ""
    print(f"\nLook at it: make report RUN={options.run}" + ("" if options.no_docker else f" DATA={options.data}"))
    print(f"Serve it: python -m local_test.serve_local {options.run}{docker_flag}")
    return 0


def train_in_process(run: Run) -> int:
    """Run `train` as a process of this machine; its exit status, INTERRUPTED once Ctrl-C has stopped it in order."""
    environ = {**os.environ, contract.BASE_DIR_VARIABLE: str(run.root), "PYTHONUNBUFFERED": "1"}
    environ.setdefault("GIT_REVISION", git_revision())
    command = [sys.executable, "-m", "container.entrypoint", "train"]
    return follow(lambda: Started(command, cwd=PROJECT_DIR, env=environ), contract.STOP_GRACE_SECONDS)


def train_in_docker(run: Run, channels: dict[str, Path], image: str) -> int:
    """Run `docker run IMAGE train` on the run's folder, with the channels mounted read-only; its exit status."""
    mounts = ["-v", f"{run.root}:{contract.BASE_DIR}"]
    for name, folder in channels.items():
        mounts += ["-v", f"{folder.absolute()}:{contract.BASE_DIR}/input/data/{name}:ro"]
    terminal = ["-t"] if sys.stdout.isatty() else []
    rights = without_privileges(run.root, write=True)
    name = f"train-{uuid.uuid4().hex[:8]}"
    named = ["--name", name, "--hostname", "algo-1"]
    command = [docker(), "run", "--rm", *named, *rights, *terminal, *mounts, image, "train"]
    return follow(lambda: StartedContainer(name, command), contract.STOP_GRACE_SECONDS)


def git_revision() -> str:
    answer = subprocess.run(
        ["git", "-C", str(PROJECT_DIR), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or "unknown"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.train_local",
        description=__doc__,
        epilog=f"hyperparameters:\n{hyperparameter_help()}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_channel_options(parser)
    parser.add_argument("--run", type=Path, default=Path("runs/local"), help="folder for the run (default: runs/local)")
    parser.add_argument("--image", default=DEFAULT_IMAGE, help=f"image to run (default: {DEFAULT_IMAGE})")
    parser.add_argument("--no-docker", action="store_true", help="run as a process instead of in the image")
    parser.add_argument(
        "-p", dest="parameters", metavar="NAME=VALUE", type=pair, action="append", default=[], help="a hyperparameter"
    )
    return parser.parse_args(arguments)


def add_channel_options(parser: argparse.ArgumentParser) -> None:
    """The command-line arguments that `chosen_channels` reads."""
    parser.add_argument("data", type=Path, help="folder with train/, valid/ and test/, or with one folder per class")
    parser.add_argument("--weights", type=Path, help="folder with pretrained weights: the `pretrained` channel")
    parser.add_argument("--features", type=Path, help="features that another job has left: the `features` channel")


def chosen_channels(options: argparse.Namespace) -> dict[str, Path]:
    """Folder per channel. Raises ChannelError if there is nothing to train on, or a folder is not there."""
    channels = find_channels(options.data)
    for name, folder in (("pretrained", options.weights), ("features", options.features)):
        if folder is not None:
            if not folder.is_dir():
                raise ChannelError(f"The channel {name} cannot be {folder}, which is no folder; give another.")
            channels[name] = folder
    return channels


def hyperparameter_help() -> str:
    """Every hyperparameter with its default and meaning, a line each."""
    rows = describe(Hyperparameters)
    return "\n".join(f"  {row['name']:24} {row['default']:9} {row['help']}" for row in rows)


def pair(text: str) -> tuple[str, str]:
    """`NAME=VALUE` from the command line, split."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(exit_status(main))
