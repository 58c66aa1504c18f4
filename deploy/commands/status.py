"""Everything of the project that exists on AWS now: what it is, its state, since when, and its cost per hour."""

import argparse

from deploy.context import Context
from deploy.inventory.find import find_all
from deploy.inventory.table import print_table

HELP = "list everything of the project on AWS"
EXAMPLES = "examples:\n  python -m deploy status"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(context: Context) -> None:
    if context.aws.dry_run:
        return  # it only reads
    resources = list(find_all(context))
    print_table(resources)
    if resources:
        print("\nNext: python -m deploy cost, or python -m deploy teardown")
