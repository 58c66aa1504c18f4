"""An endpoint brought to an endpoint config: created, or updated under guard, waited for, and remembered."""

import sys
from collections.abc import Mapping
from typing import Any

from deploy.context import Context
from deploy.creation import create_once, is_taken, require_ours
from deploy.errors import AwsError, DeployError, NotFoundError
from deploy.requests.alarm import alarm_requests
from deploy.requests.endpoint import MAIN, Shift, endpoint_request, update_request

SERVING = "InService"
FAILED = ("Failed", "UpdateRollbackFailed", "OutOfService")


def describe(context: Context, endpoint: str) -> dict[str, Any] | None:
    """The project's own endpoint, or None. Raises DeployError if it is somebody else's."""
    try:
        found = context.aws.read("sagemaker", "DescribeEndpoint", EndpointName=endpoint)
    except NotFoundError:
        return None
    require_ours(context, "endpoint", endpoint, found["EndpointArn"])
    return found


def roll_out(context: Context, endpoint: str, kind: str, config: Mapping[str, Any], shift: Shift | None) -> None:
    """Afterwards the endpoint serves with `config`. Raises DeployError if it failed or was rolled back."""
    name = config["EndpointConfigName"]
    create_once(context.aws, "DescribeEndpointConfig", "CreateEndpointConfig", "EndpointConfigName", config)
    remember(context, endpoint, kind=kind)
    if kind != "serverless":
        _put_alarms(context, endpoint)
    found = settle(context, endpoint)
    if found is None:
        _create(context, endpoint, name)
    elif found["EndpointStatus"] in FAILED:
        raise _failure(endpoint, found)
    elif found["EndpointConfigName"] != name:
        remember(context, endpoint, config=found["EndpointConfigName"])  # to go back to, even if the state was lost
        update(context, endpoint, name, shift)
    wait_until_serving(context, endpoint, name)
    remember(context, endpoint, config=name)


def update(context: Context, endpoint: str, config_name: str, shift: Shift | None) -> None:
    """Begin to move an endpoint that serves to another config."""
    keeps = is_scaled(context, endpoint)
    request = update_request(endpoint, config_name, shift, keeps_instance_count=keeps)
    context.aws.change("sagemaker", "UpdateEndpoint", **request)


def settle(context: Context, endpoint: str) -> dict[str, Any] | None:
    """The endpoint once nothing moves any more, be it good or failed; None if it does not exist."""
    found = describe(context, endpoint)

    def look() -> tuple[bool, str]:
        nonlocal found
        found = describe(context, endpoint)
        status = found["EndpointStatus"] if found else "gone"
        return status in (SERVING, "gone", *FAILED), status

    if found is not None:
        context.aws.wait(f"Endpoint {endpoint}", look)
    return found


def remember(context: Context, endpoint: str, *, kind: str = "", config: str = "") -> None:
    """Keep in the state which config an endpoint serves with, and which it did before, for `promote --rollback`."""
    endpoints = dict(context.state.get("endpoints") or {})
    record = {"kind": "instance", "config": "", "before": [], **endpoints.get(endpoint, {})}
    record["kind"] = kind or record["kind"]
    if config and config != record["config"]:
        if record["config"]:
            record["before"] = [*record["before"], record["config"]]
        record["config"] = config
        record.pop("rolled_back", None)
    context.state.put(endpoints={**endpoints, endpoint: record}, endpoint=endpoint)


def is_scaled(context: Context, endpoint: str) -> bool:
    """Whether autoscaling decides how many instances there are."""
    targets = context.aws.pages(
        "application-autoscaling",
        "DescribeScalableTargets",
        "ScalableTargets",
        ServiceNamespace="sagemaker",
        ResourceIds=[f"endpoint/{endpoint}/variant/{MAIN}"],
    )
    return any(True for _ in targets)


def delete_failed(context: Context, endpoint: str) -> None:
    """Remove an endpoint that never served, so that it can be made anew; one that serves is left alone."""
    found = settle(context, endpoint)
    if found is None or found["EndpointStatus"] not in FAILED:
        return
    print(f"Endpoint {endpoint}: deleting the failed one", file=sys.stderr)
    context.aws.change("sagemaker", "DeleteEndpoint", EndpointName=endpoint)
    context.aws.wait(f"Endpoint {endpoint}", lambda: _is_gone(context, endpoint))


def _is_gone(context: Context, endpoint: str) -> tuple[bool, str]:
    found = describe(context, endpoint)
    return found is None, found["EndpointStatus"] if found else "gone"


def _create(context: Context, endpoint: str, config_name: str) -> None:
    try:
        context.aws.change("sagemaker", "CreateEndpoint", **endpoint_request(context, endpoint, config_name))
    except AwsError as error:
        # An answer was lost and boto3 asked again: then it is there, and ours, or `describe` says that it is not.
        if not is_taken(error) or describe(context, endpoint) is None:
            raise


def wait_until_serving(context: Context, endpoint: str, config_name: str) -> None:
    """Raises DeployError if the endpoint failed, or went back to the config that it had."""
    found = settle(context, endpoint)
    if context.aws.dry_run:
        return
    if found is None or found["EndpointStatus"] != SERVING:
        raise _failure(endpoint, found or {})
    if found["EndpointConfigName"] != config_name:
        reason = str(found.get("FailureReason") or "no reason given").rstrip(".")
        raise DeployError(
            f"Endpoint {endpoint} went back to what it served before ({reason}); see `python -m deploy logs`, "
            "then run the same command to try again."
        )


def _failure(endpoint: str, found: Mapping[str, Any]) -> DeployError:
    reason = str(found.get("FailureReason") or "no reason given").rstrip(".")
    return DeployError(
        f"Endpoint {endpoint} is {found.get('EndpointStatus', 'gone')}: {reason}. See `python -m deploy logs`; then "
        "`python -m deploy deploy --again` deletes the failed one and makes it anew."
    )


def _put_alarms(context: Context, endpoint: str) -> None:
    # Sent every time: the same request changes nothing, and a new threshold takes effect.
    for request in alarm_requests(context, endpoint, MAIN):
        context.aws.change("cloudwatch", "PutMetricAlarm", **request)
