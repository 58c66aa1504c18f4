"""Give an endpoint another model, guarded: canary or linear traffic, and back by itself if an alarm rings.

The new model is that of the last `train`, or --run or --model-package; it is approved in the registry once it serves.
A candidate or shadow beside the old model ends with it. --rollback goes back to what the endpoint served before.
"""

import argparse
from typing import Any

from deploy.announce import announce
from deploy.context import Context
from deploy.endpoint.choice import add_endpoint_argument, choose_endpoint
from deploy.endpoint.hosting import read_environment
from deploy.endpoint.model_registry import approve, register
from deploy.endpoint.model_source import add_source_arguments, find_source
from deploy.endpoint.rollback import roll_back
from deploy.endpoint.rollout import roll_out, settle
from deploy.endpoint.shifting import add_shift_arguments, read_shift
from deploy.errors import DeployError, NotFoundError
from deploy.requests.endpoint import MAIN, config_with_model, unless_alike

HELP = "give the endpoint another model, guarded; or go back"
EXAMPLES = """examples:
  python -m deploy promote
  python -m deploy promote --run runs/dogs --shift linear --step 25
  python -m deploy promote --model-package arn:aws:sagemaker:...:model-package/image-classifier/3
  python -m deploy promote --rollback"""
EXAMPLE_VARIANT = {"VariantName": MAIN, "ModelName": "THE-MODEL-THAT-SERVES-NOW", "InitialInstanceCount": 2}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_source_arguments(parser)
    parser.add_argument(
        "--rollback",
        nargs="?",
        const="",
        metavar="CONFIG",
        help="go back to the endpoint config before, or to a named one",
    )
    parser.add_argument(
        "--env", action="append", default=[], metavar="SERVE_NAME=VALUE", help="change a server setting"
    )
    add_shift_arguments(parser)
    add_endpoint_argument(parser)


def run(context: Context) -> None:
    endpoint = choose_endpoint(context)
    if context.options.rollback is not None:
        roll_back(context, endpoint, context.options.rollback)
        return
    changes = read_environment(context.options.env)
    serving = serving_config(context, endpoint)
    is_serverless = "ServerlessConfig" in serving["ProductionVariants"][0]
    shift = None if is_serverless else read_shift(context.options, instances_of(context, endpoint, serving))
    announce(f"a second fleet of {endpoint} while traffic moves, then only that one")
    source = find_source(context)
    environment = {**serving_environment(context, serving), **changes}
    model = register(context, source, environment, is_approved=False)
    kind = "serverless" if is_serverless else "asynchronous" if serving.get("AsyncInferenceConfig") else "instance"
    config = unless_alike(serving, config_with_model(context, serving, model.name))
    roll_out(context, endpoint, kind, config, shift)
    if context.aws.dry_run:
        return
    approve(context, model.package_arn)
    print(f"Endpoint {endpoint} serves {model.name}\nBack, if it must be: python -m deploy promote --rollback")


def serving_config(context: Context, endpoint: str) -> dict[str, Any]:
    """The config that the endpoint serves with, once it is at rest."""
    if context.aws.dry_run:
        return {"ProductionVariants": [EXAMPLE_VARIANT]}
    found = settle(context, endpoint)
    if found is None:
        raise DeployError(f"There is no endpoint {endpoint}; run `python -m deploy deploy` first.")
    return context.aws.read("sagemaker", "DescribeEndpointConfig", EndpointConfigName=found["EndpointConfigName"])


def instances_of(context: Context, endpoint: str, serving: dict[str, Any]) -> int:
    """As many as there are now: autoscaling may have changed what the config began with."""
    found = settle(context, endpoint)
    variants = found["ProductionVariants"] if found else serving["ProductionVariants"]
    return int(variants[0].get("CurrentInstanceCount") or serving["ProductionVariants"][0]["InitialInstanceCount"])


def serving_environment(context: Context, serving: dict[str, Any]) -> dict[str, str]:
    """The server's settings of the model that serves, which the new one takes over."""
    try:
        model = context.aws.read("sagemaker", "DescribeModel", ModelName=serving["ProductionVariants"][0]["ModelName"])
    except NotFoundError:
        return {}
    return dict(model["PrimaryContainer"].get("Environment") or {})
