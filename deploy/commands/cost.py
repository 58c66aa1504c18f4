"""What the project costs per hour as it stands, and what its finished jobs have cost, at list prices."""

import argparse
from collections.abc import Sequence

from deploy import prices
from deploy.context import Context
from deploy.inventory.find import find_all
from deploy.inventory.jobs import FinishedJob, find_finished
from deploy.inventory.table import dollars, print_table

HELP = "what runs now, and what the jobs so far have cost"
EXAMPLES = "examples:\n  python -m deploy cost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(context: Context) -> None:
    if context.aws.dry_run:
        return  # it only reads
    paid = [resource for resource in find_all(context) if resource.dollars_per_hour != 0]
    if paid:
        print_table(paid)
    known = sum(resource.dollars_per_hour or 0 for resource in paid)
    print(f"Now: ${known:.3f} per hour, ${known * 24 * 30:.2f} in 30 days{_unknown(paid)}")
    jobs = list(find_finished(context))
    for job in jobs:
        print_job(job)
    total = sum(job.dollars or 0 for job in jobs)
    print(f"Finished jobs: ${total:.2f}{_unknown([job for job in jobs if job.dollars is None])}")
    table = prices.table()
    print(f"List prices of {table['region']}, {table['date']}; storage, requests and serverless work come on top.")
    print(f"Compare: {table['source']}")


def print_job(job: FinishedJob) -> None:
    hours = job.instance_seconds / 3600
    print(
        f"  {job.title} {job.name}: {job.status}, {hours:.2f} h of {job.instance_type}, ${dollars(job.dollars) or '0'}"
    )


def _unknown(items: Sequence[object]) -> str:
    count = sum(1 for item in items if getattr(item, "dollars_per_hour", getattr(item, "dollars", 0)) is None)
    return f", and {count} whose price is not in the table" if count else ""
