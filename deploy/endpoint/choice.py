"""Which of the project's endpoints a command is about."""

import argparse

from deploy.context import Context
from deploy.endpoint.hosting import SUFFIXES, endpoint_name
from deploy.endpoint.rollout import describe
from deploy.errors import DeployError


def add_endpoint_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", default="", metavar="NAME", help="endpoint (default: the one deployed last)")


def choose_endpoint(context: Context, kind: str = "instance") -> str:
    """The name given, else the one deployed last, else, in a dry run, the one that a `kind` would be called.

    Raises DeployError that names `deploy` if there is none yet.
    """
    if context.options.endpoint:
        return str(context.options.endpoint)
    if context.aws.dry_run:
        return str(context.state.get("endpoint") or endpoint_name(context.project, kind))
    return str(context.state.require("endpoint", "deploy"))


def is_asynchronous(context: Context, endpoint: str) -> bool:
    kind = (context.state.get("endpoints") or {}).get(endpoint, {}).get("kind")
    if kind is not None or context.aws.dry_run:
        return kind == "asynchronous" or (kind is None and endpoint.endswith(SUFFIXES["asynchronous"]))
    found = describe(context, endpoint)
    if found is None:
        raise DeployError(f"There is no endpoint {endpoint}; `python -m deploy status` lists what there is.")
    return "AsyncInferenceConfig" in found
