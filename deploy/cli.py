"""`python -m deploy COMMAND`: from a folder of images to a guarded endpoint on SageMaker, one command per step."""

import argparse
import importlib
import sys
from pathlib import Path

from container.errors import UserError
from deploy.aws import Aws
from deploy.context import Context
from deploy.settings import FILE, DeploySettings
from deploy.state import State
from local_test.train_local import pair

INTERRUPTED = 130  # exit status after Ctrl-C, as a shell has it
# Command -> module of deploy/commands, in the order of the story.
COMMANDS = {
    "doctor": "doctor",
    "role": "role",
    "upload": "upload",
    "push": "push",
    "tune": "tune",
    "train": "train",
    "deploy": "deploy",
    "invoke": "invoke",
    "promote": "promote",
    "autoscale": "autoscale",
    "async": "async_inference",
    "batch": "batch",
    "status": "status",
    "logs": "logs",
    "cost": "cost",
    "teardown": "teardown",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0, 1 with a sentence on stderr, or 130 after Ctrl-C, which leaves a state to go on from."""
    options = make_parser().parse_args(arguments)
    try:
        settings = DeploySettings.read(options.settings, dict(options.changes))
        aws = Aws(settings.region, dry_run=options.dry_run)
        state = State.of_project(settings.project, is_kept=not options.dry_run)
        options.run(Context(settings, aws, state, options))
    except UserError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"\n{options.command}: stopped; what AWS has begun goes on, and the same command takes it up.",
            file=sys.stderr,
        )
        return INTERRUPTED
    return 0


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module_name in COMMANDS.items():
        module = importlib.import_module(f"deploy.commands.{module_name}")
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_common(command)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="print every request as JSON, and the price; send nothing"
    )
    parser.add_argument("--settings", type=Path, default=FILE, help=f"settings file (default: {FILE}, if it is there)")
    parser.add_argument(
        "--set", dest="changes", metavar="NAME=VALUE", type=pair, action="append", default=[], help="change a setting"
    )
