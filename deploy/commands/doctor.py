"""Look at everything that the other commands need, and say what is missing and what mends it. Creates nothing.

Exits with 0 only if nothing is missing. What AWS does not let you see is `unknown`, which is no failure by itself.
"""

import argparse

from deploy.announce import announce
from deploy.checks.account import look_at_credentials, look_at_region
from deploy.checks.check import Check, Look, Verdict, carry_out, table, unknown
from deploy.checks.quotas import look_at_quotas
from deploy.checks.resources import (
    look_at_bucket,
    look_at_data,
    look_at_local_image,
    look_at_pushed_image,
    look_at_role,
)
from deploy.context import Context
from deploy.errors import DeployError

HELP = "say what is missing, and the command that mends it"
EXAMPLES = "examples:\n  python -m deploy doctor\n  python -m deploy doctor --set train_instance_type=ml.g5.xlarge"
ON_THIS_MACHINE: dict[str, Look] = {"region": look_at_region, "local image": look_at_local_image}
ON_AWS: dict[str, Look] = {
    "role": look_at_role,
    "bucket": look_at_bucket,
    "data": look_at_data,
    "image in ECR": look_at_pushed_image,
    "quota": look_at_quotas,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(context: Context) -> None:
    if context.aws.dry_run:
        announce("nothing, as doctor only looks; run it without --dry-run")
        return
    checks = examine(context)
    print(table(checks))
    num_missing = sum(check.verdict is Verdict.MISSING for check in checks)
    if num_missing:
        raise DeployError(f"{num_missing} of {len(checks)} are missing; mend them from the top down.")
    print("Nothing is missing. Next: python -m deploy tune")


def examine(context: Context) -> list[Check]:
    """All lines of the table. Without credentials nothing on AWS can be looked at, and the lines say so."""
    checks = carry_out("credentials", look_at_credentials, context)
    for subject, look in ON_THIS_MACHINE.items():
        checks += carry_out(subject, look, context)
    has_credentials = checks[0].verdict is Verdict.OK
    for subject, look in ON_AWS.items():
        if has_credentials:
            checks += carry_out(subject, look, context)
        else:
            checks.append(unknown(subject, "not looked at, for want of credentials"))
    return checks
