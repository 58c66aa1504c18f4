"""An endpoint back to the endpoint config that it had before."""

from typing import Any

from deploy.context import Context
from deploy.endpoint.rollout import FAILED, settle, update, wait_until_serving
from deploy.errors import DeployError, NotFoundError


def roll_back(context: Context, endpoint: str, config: str) -> None:
    """To `config`, or, if that is empty, to the one before; run twice, it goes back once.

    All at once and without alarms: what it goes back to has served already.
    """
    record = (context.state.get("endpoints") or {}).get(endpoint, {})
    if not config and record.get("rolled_back") and not context.aws.dry_run:
        print(f"{endpoint} is back at {record['config']} already; name another with --rollback CONFIG.")
        return
    target = config or _before(context, endpoint, record)
    if not context.aws.dry_run:
        _check(context, endpoint, target)
    found = settle(context, endpoint)
    if found is None or found["EndpointConfigName"] != target:
        update(context, endpoint, target, None)
    wait_until_serving(context, endpoint, target)
    _record(context, endpoint, record, target)
    if not context.aws.dry_run:
        print(f"Endpoint {endpoint} serves {target} again\nNext: python -m deploy invoke IMAGE")


def _before(context: Context, endpoint: str, record: dict[str, Any]) -> str:
    if record.get("before"):
        return str(record["before"][-1])
    if context.aws.dry_run:
        return "THE-CONFIG-BEFORE"
    raise DeployError(f"Nothing is known that {endpoint} served before; name a config with --rollback CONFIG.")


def _check(context: Context, endpoint: str, target: str) -> None:
    try:
        context.aws.read("sagemaker", "DescribeEndpointConfig", EndpointConfigName=target)
    except NotFoundError as error:
        raise DeployError(
            f"The endpoint config {target} does not exist; `python -m deploy status` lists them."
        ) from error
    found = settle(context, endpoint)
    if found is None or found["EndpointStatus"] in FAILED:
        raise DeployError(f"Endpoint {endpoint} does not serve; run `python -m deploy deploy` first.")


def _record(context: Context, endpoint: str, record: dict[str, Any], target: str) -> None:
    before = list(record.get("before") or [])
    earlier = before[: before.index(target)] if target in before else before
    endpoints = dict(context.state.get("endpoints") or {})
    endpoints[endpoint] = {"kind": "instance", **record, "config": target, "before": earlier, "rolled_back": True}
    context.state.put(endpoints=endpoints)
