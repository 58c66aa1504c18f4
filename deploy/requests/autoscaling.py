"""Autoscaling of an endpoint: how many instances at least and at most, and what decides between the two."""

from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.context import Context
from deploy.requests.endpoint import MAIN

SERVICE = "application-autoscaling"
NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True, kw_only=True)
class Scaling:
    least: int
    most: int
    target: float  # requests per instance: a minute's, or, of an asynchronous endpoint, those in the queue
    scale_in_seconds: int
    scale_out_seconds: int
    scales_in: bool = True


def resource(endpoint: str) -> dict[str, str]:
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": f"endpoint/{endpoint}/variant/{MAIN}",
        "ScalableDimension": DIMENSION,
    }


def policy_name(endpoint: str) -> str:
    return f"{endpoint}-target"


def wake_name(endpoint: str) -> str:
    """Of the policy, and the alarm, that start the first instance when a request waits and there is none."""
    return f"{endpoint}-wake"


def target_request(context: Context, endpoint: str, scaling: Scaling, *, is_new: bool) -> dict[str, Any]:
    request: dict[str, Any] = {**resource(endpoint), "MinCapacity": scaling.least, "MaxCapacity": scaling.most}
    if is_new:  # tags are taken at the first registration only
        request["Tags"] = {names.TAG: context.project}
    return request


def policy_request(endpoint: str, scaling: Scaling, *, is_asynchronous: bool) -> dict[str, Any]:
    tracking: dict[str, Any] = {
        "TargetValue": scaling.target,
        "ScaleInCooldown": scaling.scale_in_seconds,
        "ScaleOutCooldown": scaling.scale_out_seconds,
        "DisableScaleIn": not scaling.scales_in,
    }
    if is_asynchronous:
        tracking["CustomizedMetricSpecification"] = {
            "Namespace": "AWS/SageMaker",
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
            "Statistic": "Average",
        }
    else:
        tracking["PredefinedMetricSpecification"] = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    return {
        "PolicyName": policy_name(endpoint),
        **resource(endpoint),
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": tracking,
    }


def wake_policy_request(endpoint: str, scaling: Scaling) -> dict[str, Any]:
    """Target tracking cannot leave zero: with no instance there is no backlog per instance."""
    return {
        "PolicyName": wake_name(endpoint),
        **resource(endpoint),
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": scaling.scale_out_seconds,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        },
    }


def wake_alarm_request(context: Context, endpoint: str, policy_arn: str) -> dict[str, Any]:
    return {
        "AlarmName": wake_name(endpoint),
        "AlarmDescription": f"Requests to {endpoint} wait and it has no instance",
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "missing",
        "AlarmActions": [policy_arn],
        "Tags": context.tags,
    }
