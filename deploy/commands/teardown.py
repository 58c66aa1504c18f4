"""Remove everything of the project from AWS: listed first, then asked, then removed in the right order.

What carries the project's tag goes, and nothing else. CloudWatch keeps the logs that jobs and endpoints have written.
"""

import argparse
import sys

from deploy.context import Context
from deploy.errors import DeployError
from deploy.inventory.find import find_all
from deploy.inventory.planned import planned
from deploy.inventory.removal import remove
from deploy.inventory.resource import DATA, IMAGE, Resource
from deploy.inventory.table import print_table
from deploy.state import FOLDER, State

HELP = "remove everything that was created; lists first, asks"
EXAMPLES = """examples:
  python -m deploy teardown
  python -m deploy teardown --yes --keep data,image"""

KEPT_STATE = {DATA: ("bucket", "data_parts", "data_s3_uri", "data_fingerprint", "num_files"), IMAGE: ("image_uri",)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--keep", default="", metavar="WHAT", help="data, image, or data,image: what stays")


def run(context: Context) -> None:
    keep = read_keep(context.options.keep)
    if context.aws.dry_run:
        for resource in planned(context):
            if resource.keep not in keep:
                remove(context, resource)
        return
    resources = [resource for resource in find_all(context) if resource.keep not in keep]
    print_table(resources)
    if resources:
        ask(context)
    refused = [reason for resource in resources if (reason := try_to_remove(context, resource))]
    if refused:
        raise DeployError(f"{len(refused)} of {len(resources)} could not be removed; mend that and run it again.")
    forget(context, keep)
    print("Nothing is left." if not keep else f"Nothing is left but what --keep names: {', '.join(sorted(keep))}.")


def read_keep(text: str) -> set[str]:
    keep = {name.strip() for name in text.split(",") if name.strip()}
    if keep - {DATA, IMAGE}:
        raise DeployError(f"--keep is {text!r}; it must be {DATA}, {IMAGE} or {DATA},{IMAGE}.")
    return keep


def ask(context: Context) -> None:
    """Raises DeployError unless a person says yes, by the project's name."""
    if context.options.yes:
        return
    if not sys.stdin.isatty():
        raise DeployError("There is no terminal to ask at; say --yes if all of this is to go.")
    if input(f"Remove all of this? Type {context.project} to go on: ").strip() != context.project:
        raise DeployError("Nothing was removed.")


def try_to_remove(context: Context, resource: Resource) -> str:
    """Nothing, or why it is still there; the rest is removed all the same."""
    try:
        remove(context, resource)
    except DeployError as error:
        print(f"Not removed: {resource.kind} {resource.name}: {error}", file=sys.stderr)
        return str(error)
    print(f"Removed: {resource.kind} {resource.name}")
    return ""


def forget(context: Context, keep: set[str]) -> None:
    """Remove the state file; of what stays, what tells where it is begins a new one."""
    kept = {key: value for name in keep for key in KEPT_STATE[name] if (value := context.state.get(key)) is not None}
    (FOLDER / f"{context.project}.json").unlink(missing_ok=True)
    if kept:
        State.of_project(context.project).put(**kept)
