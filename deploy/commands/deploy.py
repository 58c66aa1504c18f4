"""Put a model behind an endpoint: real-time, serverless or asynchronous, alone or beside the one that serves.

An endpoint that exists is updated blue/green: traffic moves step by step to new instances, and back to the old ones
if an alarm rings. Without --run or --model-package the model is that of the last `train`.
"""

import argparse
from typing import Any

from deploy.announce import announce
from deploy.context import Context
from deploy.endpoint.hosting import Hosting, add_hosting_arguments, endpoint_name, read_hosting
from deploy.endpoint.model_registry import register
from deploy.endpoint.model_source import add_source_arguments, find_source
from deploy.endpoint.rollout import delete_failed, describe, roll_out
from deploy.endpoint.shifting import add_shift_arguments, read_shift
from deploy.errors import DeployError
from deploy.requests.endpoint import CANDIDATE, config_beside, config_request, unless_alike, variant

HELP = "create or update an endpoint (AWS: costs money)"
EXAMPLES = """examples:
  python -m deploy deploy --instances 2 --capture 10
  python -m deploy deploy --run runs/dogs --serverless --memory 4096
  python -m deploy deploy --asynchronous
  python -m deploy deploy --shadow 50          # the new model sees copies of half the requests
  python -m deploy deploy --split 10 --dry-run # the new model answers one request in ten"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_source_arguments(parser)
    add_hosting_arguments(parser)
    beside = parser.add_mutually_exclusive_group()
    beside.add_argument("--split", type=int, default=0, metavar="PERCENT", help="requests that the new model answers")
    beside.add_argument("--shadow", type=int, default=0, metavar="PERCENT", help="requests that it gets copies of")
    add_shift_arguments(parser)
    parser.add_argument("--again", action="store_true", help="delete an endpoint that failed to start, and try again")


def run(context: Context) -> None:
    hosting = read_hosting(context.options, context.settings)
    percent = read_percent(context.options)
    endpoint = endpoint_name(context.project, hosting.kind)
    shift = None if percent or hosting.kind == "serverless" else read_shift(context.options, hosting.instances)
    announce(f"{hosting.kind} endpoint {endpoint}, with its model, registry entry and alarms", hosting.price())
    source = find_source(context)
    if context.options.again:
        delete_failed(context, endpoint)
    model = register(context, source, hosting.environment, is_approved=context.options.approve)
    new = variant(hosting, model.name)
    if percent:
        serving = serving_config(context, endpoint, hosting)
        beside = config_beside(context, serving, new, percent=percent, is_shadow=bool(context.options.shadow))
        config = unless_alike(serving, beside)
    else:
        config = config_request(context, hosting, [new])
    roll_out(context, endpoint, hosting.kind, config, shift)
    if not context.aws.dry_run:
        print_next(endpoint, model.package_arn, hosting, bool(percent))


def read_percent(options: argparse.Namespace) -> int:
    percent = int(options.split or options.shadow)
    if not 0 <= percent <= 100 or options.split == 100:
        raise DeployError(f"--{'split' if options.split else 'shadow'} is {percent}; it must be a percentage, 1 to 99.")
    return percent


def serving_config(context: Context, endpoint: str, hosting: Hosting) -> dict[str, Any]:
    """The config that the endpoint serves with now."""
    if context.aws.dry_run:
        return {"ProductionVariants": [variant(hosting, "THE-MODEL-THAT-SERVES-NOW")]}
    found = describe(context, endpoint)
    if found is None:
        raise DeployError(
            f"There is no endpoint {endpoint} to stand beside yet; deploy once without --split or --shadow."
        )
    return context.aws.read("sagemaker", "DescribeEndpointConfig", EndpointConfigName=found["EndpointConfigName"])


def print_next(endpoint: str, package_arn: str, hosting: Hosting, is_beside: bool) -> None:
    print(f"Endpoint: {endpoint}\nModel package: {package_arn}")
    if is_beside:
        print(f"Next: python -m deploy invoke IMAGE --variant {CANDIDATE}, then python -m deploy promote")
    elif hosting.kind == "asynchronous":
        print("Next: python -m deploy async FOLDER")
    else:
        print("Next: python -m deploy invoke IMAGE")
