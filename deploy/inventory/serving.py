"""Endpoints and what stands around them: configs, models, registry entries, autoscaling, alarms."""

from collections.abc import Iterator
from typing import Any

from deploy import prices
from deploy.context import Context
from deploy.creation import has_tag, is_ours
from deploy.endpoint.hosting import SUFFIXES, endpoint_name
from deploy.errors import NotFoundError
from deploy.inventory.resource import Request, Resource
from deploy.requests.alarm import alarm_names
from deploy.requests.autoscaling import DIMENSION, NAMESPACE, SERVICE, resource, wake_name


def find_serving(context: Context) -> Iterator[Resource]:
    """In the order in which they can be removed."""
    endpoints = [endpoint_name(context.project, kind) for kind in SUFFIXES]
    yield from _scaling(context, endpoints)
    for endpoint in endpoints:
        yield from _endpoint(context, endpoint)
    yield from _alarms(context, endpoints)
    yield from _listed(context, "EndpointConfig", "endpoint config")
    yield from _listed(context, "Model", "model")
    yield from _registry(context)


def _scaling(context: Context, endpoints: list[str]) -> Iterator[Resource]:
    common = {"ServiceNamespace": NAMESPACE, "ScalableDimension": DIMENSION}
    for endpoint in endpoints:
        ours = resource(endpoint)
        where = {**common, "ResourceId": ours["ResourceId"]}
        for policy in context.aws.pages(SERVICE, "DescribeScalingPolicies", "ScalingPolicies", **where):
            name = policy["PolicyName"]
            removal = Request(SERVICE, "DeleteScalingPolicy", {"PolicyName": name, **ours})
            yield Resource("scaling policy", name, since=policy.get("CreationTime"), removal=(removal,))
        targets = {**common, "ResourceIds": [ours["ResourceId"]]}
        for target in context.aws.pages(SERVICE, "DescribeScalableTargets", "ScalableTargets", **targets):
            limits = f"{target['MinCapacity']} to {target['MaxCapacity']}"
            removal = Request(SERVICE, "DeregisterScalableTarget", ours)
            yield Resource(
                "scalable target", ours["ResourceId"], limits, target.get("CreationTime"), removal=(removal,)
            )


def _endpoint(context: Context, endpoint: str) -> Iterator[Resource]:
    parameters = {"EndpointName": endpoint}
    look = Request("sagemaker", "DescribeEndpoint", parameters)
    try:
        found = context.aws.read("sagemaker", "DescribeEndpoint", **parameters)
    except NotFoundError:
        return
    if is_ours(context, found["EndpointArn"]):
        yield Resource(
            "endpoint",
            endpoint,
            found["EndpointStatus"],
            found["CreationTime"],
            _dollars_per_hour(context, found),
            (Request("sagemaker", "DeleteEndpoint", parameters),),
            look,
            "EndpointStatus",
        )


def _dollars_per_hour(context: Context, endpoint: dict[str, Any]) -> float | None:
    """None if the table knows no price of one of its instances; nothing for what is serverless."""
    try:
        config = context.aws.read(
            "sagemaker", "DescribeEndpointConfig", EndpointConfigName=endpoint["EndpointConfigName"]
        )
    except NotFoundError:
        return None
    running = {item["VariantName"]: item.get("CurrentInstanceCount") for item in endpoint.get("ProductionVariants", ())}
    total = 0.0
    for item in [*config["ProductionVariants"], *config.get("ShadowProductionVariants", ())]:
        if "InstanceType" not in item:
            continue
        price = prices.instance_hour(item["InstanceType"])
        if price is None:
            return None
        count = running.get(item["VariantName"])
        total += price * (item.get("InitialInstanceCount", 1) if count is None else count)
    return total


def _alarms(context: Context, endpoints: list[str]) -> Iterator[Resource]:
    names = [name for endpoint in endpoints for name in (*alarm_names(endpoint), wake_name(endpoint))]
    for alarm in context.aws.pages("cloudwatch", "DescribeAlarms", "MetricAlarms", AlarmNames=names):
        arn, name = alarm["AlarmArn"], alarm["AlarmName"]
        if has_tag(context, context.aws.read("cloudwatch", "ListTagsForResource", ResourceARN=arn)["Tags"]):
            removal = Request("cloudwatch", "DeleteAlarms", {"AlarmNames": [name]})
            yield Resource("alarm", name, alarm.get("StateValue", ""), removal=(removal,))


def _listed(context: Context, kind: str, title: str) -> Iterator[Resource]:
    """Endpoint configs or models: SageMaker names both kinds' operations and keys alike."""
    items = context.aws.pages("sagemaker", f"List{kind}s", f"{kind}s", NameContains=context.project)
    for item in items:
        name = item[f"{kind}Name"]
        if is_ours(context, item[f"{kind}Arn"]):
            removal = Request("sagemaker", f"Delete{kind}", {f"{kind}Name": name})
            yield Resource(title, name, since=item.get("CreationTime"), removal=(removal,))


def _registry(context: Context) -> Iterator[Resource]:
    group = {"ModelPackageGroupName": context.project}
    try:
        found = context.aws.read("sagemaker", "DescribeModelPackageGroup", **group)
    except NotFoundError:
        return
    if not is_ours(context, found["ModelPackageGroupArn"]):
        return
    for package in context.aws.pages("sagemaker", "ListModelPackages", "ModelPackageSummaryList", **group):
        arn, status = package["ModelPackageArn"], package.get("ModelApprovalStatus", "")
        removal = Request("sagemaker", "DeleteModelPackage", {"ModelPackageName": arn})
        yield Resource("model package", arn, status, package.get("CreationTime"), removal=(removal,))
    removal = Request("sagemaker", "DeleteModelPackageGroup", group)
    yield Resource("model package group", context.project, since=found.get("CreationTime"), removal=(removal,))
