"""The alarms that watch an endpoint while a new model takes over: any of them rings, and the old one comes back."""

from typing import Any

from deploy.context import Context

NAMESPACE = "AWS/SageMaker"
MAX_ERROR_PERCENT = 1.0
MAX_P99_SECONDS = 5.0
PERIOD_SECONDS = 60
MICROSECONDS = 1_000_000  # ModelLatency is counted in them


def alarm_names(endpoint: str) -> list[str]:
    return [f"{endpoint}-5xx", f"{endpoint}-p99"]


def alarm_requests(context: Context, endpoint: str, variant: str) -> list[dict[str, Any]]:
    """PutMetricAlarm's parameters: 5xx answers above 1 %, or p99 latency above 5 s, in two minutes of three."""
    errors, latency = alarm_names(endpoint)
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    common: dict[str, Any] = {
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",  # an endpoint that nobody asks is not ill
        "Tags": context.tags,
    }
    return [
        {
            "AlarmName": errors,
            "AlarmDescription": f"More than {MAX_ERROR_PERCENT:g} % of the answers of {endpoint} are 5xx",
            "Threshold": MAX_ERROR_PERCENT,
            "Metrics": [
                _metric("errors", "Invocation5XXErrors", dimensions),
                _metric("all", "Invocations", dimensions),
                {"Id": "share", "Expression": "100 * errors / all", "Label": "5xx percent", "ReturnData": True},
            ],
            **common,
        },
        {
            "AlarmName": latency,
            "AlarmDescription": f"One in 100 answers of {endpoint} takes longer than {MAX_P99_SECONDS:g} s",
            "Threshold": MAX_P99_SECONDS * MICROSECONDS,
            "Namespace": NAMESPACE,
            "MetricName": "ModelLatency",
            "ExtendedStatistic": "p99",
            "Period": PERIOD_SECONDS,
            "Dimensions": dimensions,
            **common,
        },
    ]


def _metric(name: str, metric: str, dimensions: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": dimensions},
            "Period": PERIOD_SECONDS,
            "Stat": "Sum",
        },
        "ReturnData": False,
    }
