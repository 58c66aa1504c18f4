"""Let the number of an endpoint's instances follow its load; an asynchronous one goes down to none."""

import argparse

from deploy import prices
from deploy.announce import announce
from deploy.context import Context
from deploy.endpoint.choice import add_endpoint_argument, choose_endpoint, is_asynchronous
from deploy.endpoint.hosting import SUFFIXES
from deploy.endpoint.rollout import describe, is_scaled
from deploy.errors import AwsError, DeployError, NotFoundError
from deploy.requests.autoscaling import (
    SERVICE,
    Scaling,
    policy_name,
    policy_request,
    resource,
    target_request,
    wake_alarm_request,
    wake_name,
    wake_policy_request,
)

HELP = "scale the endpoint's instances with its load"
EXAMPLES = """examples:
  python -m deploy autoscale --min 1 --max 4 --target 300
  python -m deploy autoscale --max 4 --no-scale-in      # instances are added, never taken away
  python -m deploy autoscale --endpoint image-classifier-async --min 0
  python -m deploy autoscale --off"""
REQUESTS_PER_MINUTE = 200.0
REQUESTS_IN_QUEUE = 5.0
NOT_THERE = "No scal"  # "No scaling policy found", "No scalable target found", whatever the code is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--min", type=int, metavar="N", help="instances at least (default: 1; asynchronous: 0)")
    parser.add_argument("--max", type=int, default=2, metavar="N", help="instances at most (default: 2)")
    parser.add_argument(
        "--target", type=float, help="requests per instance: in a minute (default: 200); asynchronous: in the queue (5)"
    )
    parser.add_argument(
        "--scale-in-seconds", type=int, default=300, metavar="S", help="between removals (default: 300)"
    )
    parser.add_argument(
        "--scale-out-seconds", type=int, default=60, metavar="S", help="between additions (default: 60)"
    )
    parser.add_argument("--no-scale-in", action="store_true", help="never take an instance away")
    parser.add_argument("--off", action="store_true", help="end autoscaling; the instances stay as many as they are")
    add_endpoint_argument(parser)


def run(context: Context) -> None:
    endpoint = choose_endpoint(context)
    if endpoint.endswith(SUFFIXES["serverless"]):
        raise DeployError(f"{endpoint} is serverless and scales by itself; choose another with --endpoint.")
    if context.options.off:
        turn_off(context, endpoint)
        return
    is_queued = is_asynchronous(context, endpoint)
    scaling = read_scaling(context.options, is_asynchronous=is_queued)
    announce(
        f"autoscaling of {endpoint}, {scaling.least} to {scaling.most} instances",
        f"at most {prices.describe_instances(context.settings.endpoint_instance_type, scaling.most)}",
    )
    if not context.aws.dry_run and describe(context, endpoint) is None:
        raise DeployError(f"There is no endpoint {endpoint}; run `python -m deploy deploy` first.")
    turn_on(context, endpoint, scaling, is_queued)
    if not context.aws.dry_run:
        print(f"{endpoint}: {scaling.least} to {scaling.most} instances\nNext: python -m deploy status")


def read_scaling(options: argparse.Namespace, *, is_asynchronous: bool) -> Scaling:
    """Raises DeployError for limits that make no sense."""
    default = REQUESTS_IN_QUEUE if is_asynchronous else REQUESTS_PER_MINUTE
    scaling = Scaling(
        least=options.min if options.min is not None else int(not is_asynchronous),
        most=options.max,
        target=options.target if options.target is not None else default,
        scale_in_seconds=options.scale_in_seconds,
        scale_out_seconds=options.scale_out_seconds,
        scales_in=not options.no_scale_in,
    )
    if scaling.least < 1 and not is_asynchronous:
        raise DeployError("--min is 0, which only asynchronous endpoints can do; use at least 1.")
    if not 0 <= scaling.least <= scaling.most or scaling.most < 1:
        raise DeployError(f"--min is {scaling.least} and --max {scaling.most}; the first must not be the larger.")
    if scaling.target <= 0:
        raise DeployError(f"--target is {scaling.target:g}; it must be above 0.")
    return scaling


def turn_on(context: Context, endpoint: str, scaling: Scaling, is_queued: bool) -> None:
    """Every request is sent each time: what is as it should be stays, a new limit takes effect."""
    aws, is_new = context.aws, not is_scaled(context, endpoint)
    aws.change(SERVICE, "RegisterScalableTarget", **target_request(context, endpoint, scaling, is_new=is_new))
    aws.change(SERVICE, "PutScalingPolicy", **policy_request(endpoint, scaling, is_asynchronous=is_queued))
    if is_queued:
        answer = aws.change(SERVICE, "PutScalingPolicy", **wake_policy_request(endpoint, scaling))
        arn = answer.get("PolicyARN", f"THE-ARN-OF-{wake_name(endpoint)}")
        aws.change("cloudwatch", "PutMetricAlarm", **wake_alarm_request(context, endpoint, arn))


def turn_off(context: Context, endpoint: str) -> None:
    """Remove what `turn_on` made, as far as it is there."""
    for name in (policy_name(endpoint), wake_name(endpoint)):
        remove(context, "DeleteScalingPolicy", PolicyName=name, **resource(endpoint))
    remove(context, "DeregisterScalableTarget", **resource(endpoint))
    context.aws.change("cloudwatch", "DeleteAlarms", AlarmNames=[wake_name(endpoint)])
    if not context.aws.dry_run:
        print(f"{endpoint}: autoscaling is off; the instances stay as many as they are")


def remove(context: Context, operation: str, **parameters: str) -> None:
    try:
        context.aws.change(SERVICE, operation, **parameters)
    except AwsError as error:
        if not (isinstance(error, NotFoundError) or NOT_THERE in str(error)):
            raise
