"""How traffic is to move to a new model, as the command line says it."""

import argparse
from typing import Literal, get_args

from deploy.errors import DeployError
from deploy.requests.endpoint import Shift

Kind = Literal["canary", "linear", "all-at-once"]
CANARY_LIMIT = 50  # percent of the new instances; a linear step is between 10 and 50
LINEAR_LEAST = 10
WAIT_LIMIT_SECONDS = 3600


def add_shift_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shift",
        choices=get_args(Kind),
        help="how traffic moves to a new model (default: canary; all-at-once with 1 instance, which has no part)",
    )
    parser.add_argument(
        "--step", type=int, default=10, metavar="PERCENT", help="of a canary or linear step (default: 10)"
    )
    parser.add_argument(
        "--wait-seconds", type=int, default=300, metavar="S", help="after a step, for alarms to ring (default: 300)"
    )


def read_shift(options: argparse.Namespace, instances: int) -> Shift:
    """Raises DeployError for what SageMaker would refuse."""
    kind = options.shift or ("canary" if instances > 1 else "all-at-once")
    if kind != "all-at-once" and instances < 2:
        raise DeployError(
            f"A {kind} step is at most half of the instances, and there is 1; use --instances 2 or --shift all-at-once."
        )
    least = LINEAR_LEAST if kind == "linear" else 1
    if not least <= options.step <= CANARY_LIMIT:
        raise DeployError(f"--step is {options.step}; a {kind} step is {least} to {CANARY_LIMIT} percent.")
    if not 0 <= options.wait_seconds <= WAIT_LIMIT_SECONDS:
        raise DeployError(f"--wait-seconds is {options.wait_seconds}; it must be 0 to {WAIT_LIMIT_SECONDS}.")
    return Shift(kind, options.step, options.wait_seconds)
