"""Endpoint configs and endpoints: what serves, and how one model takes over from another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.context import Context
from deploy.endpoint.hosting import Hosting
from deploy.requests.alarm import alarm_names

# Always the same: a guarded update needs equal names before and after (developer guide, "Exclusions").
MAIN = "main"
CANDIDATE = "candidate"
START_SECONDS = 600  # for the first answer of /ping, and as many to fetch the model
BAKE_SECONDS = 120  # that the old instances stay after the last of the traffic has left them
ASYNC_CONCURRENCY = 4  # requests that an instance of an asynchronous endpoint works on at a time
# What another model in a config leaves as it is.
KEPT = ("DataCaptureConfig", "AsyncInferenceConfig")


@dataclass(frozen=True)
class Shift:
    """How traffic moves to the new instances: `canary`, `linear` or `all-at-once`."""

    kind: str = "canary"
    percent: int = 10
    wait_seconds: int = 300


def variant(hosting: Hosting, model_name: str, name: str = MAIN, weight: float = 1.0) -> dict[str, Any]:
    common = {"VariantName": name, "ModelName": model_name, "InitialVariantWeight": weight}
    if hosting.kind == "serverless":
        serverless = {"MemorySizeInMB": hosting.memory_mb, "MaxConcurrency": hosting.max_concurrency}
        return {**common, "ServerlessConfig": serverless}
    return {
        **common,
        "InstanceType": hosting.instance_type,
        "InitialInstanceCount": hosting.instances,
        "ModelDataDownloadTimeoutInSeconds": START_SECONDS,
        "ContainerStartupHealthCheckTimeoutInSeconds": START_SECONDS,
    }


def config_request(
    context: Context,
    hosting: Hosting,
    variants: Sequence[Mapping[str, Any]],
    shadows: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """CreateEndpointConfig's parameters, the name among them."""
    request: dict[str, Any] = {"ProductionVariants": list(variants)}
    if shadows:
        request["ShadowProductionVariants"] = list(shadows)
    if hosting.capture_percent:
        request["DataCaptureConfig"] = _data_capture(context, hosting.capture_percent)
    if hosting.kind == "asynchronous":
        request["AsyncInferenceConfig"] = _asynchronous(context, hosting)
    return _named(context, request)


def config_with_model(context: Context, config: Mapping[str, Any], model_name: str) -> dict[str, Any]:
    """The config that a DescribeEndpointConfig shows, with one variant, `main`, and another model in it."""
    main = {
        **config["ProductionVariants"][0],
        "VariantName": MAIN,
        "ModelName": model_name,
        "InitialVariantWeight": 1.0,
    }
    kept = {key: config[key] for key in KEPT if config.get(key)}
    return _named(context, {"ProductionVariants": [main], **kept})


def config_beside(
    context: Context, config: Mapping[str, Any], candidate: Mapping[str, Any], *, percent: int, is_shadow: bool
) -> dict[str, Any]:
    """The config that is there, with a second variant: for a share of the requests, or for copies of that share."""
    main = {**config["ProductionVariants"][0], "InitialVariantWeight": 100.0 if is_shadow else 100.0 - percent}
    second = {**candidate, "VariantName": CANDIDATE, "InitialVariantWeight": float(percent)}
    kept = {key: config[key] for key in KEPT if config.get(key)}
    if is_shadow:
        return _named(context, {"ProductionVariants": [main], "ShadowProductionVariants": [second], **kept})
    return _named(context, {"ProductionVariants": [main, second], **kept})


def unless_alike(serving: Mapping[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """`serving` if `config` puts the same models at the same weights, else `config`.

    A description comes back with defaults filled in, so that a config made from it has another name than its own.
    """
    return dict(serving) if _models(serving) == _models(config) else config


def endpoint_request(context: Context, endpoint: str, config_name: str) -> dict[str, Any]:
    return {"EndpointName": endpoint, "EndpointConfigName": config_name, "Tags": context.tags}


def update_request(
    endpoint: str, config_name: str, shift: Shift | None, *, keeps_instance_count: bool = False
) -> dict[str, Any]:
    """UpdateEndpoint's parameters. `shift` None: what cannot be guarded, as serverless endpoints and new variants."""
    request: dict[str, Any] = {"EndpointName": endpoint, "EndpointConfigName": config_name}
    if keeps_instance_count:  # autoscaling has set it, and traffic would meet too few instances
        request["RetainAllVariantProperties"] = True
        request["ExcludeRetainedVariantProperties"] = [
            {"VariantPropertyType": "DesiredWeight"},
            {"VariantPropertyType": "DataCaptureConfig"},
        ]
    if shift is not None:
        request["DeploymentConfig"] = {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": _routing(shift),
                "TerminationWaitInSeconds": BAKE_SECONDS,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarm_names(endpoint)]},
        }
    return request


def _routing(shift: Shift) -> dict[str, Any]:
    size = {"Type": "CAPACITY_PERCENT", "Value": shift.percent}
    if shift.kind == "canary":
        return {"Type": "CANARY", "CanarySize": size, "WaitIntervalInSeconds": shift.wait_seconds}
    if shift.kind == "linear":
        return {"Type": "LINEAR", "LinearStepSize": size, "WaitIntervalInSeconds": shift.wait_seconds}
    return {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}


def _data_capture(context: Context, percent: int) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": percent,
        "DestinationS3Uri": context.s3_uri("capture"),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        # Text as text, all else as base64.
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }


def _asynchronous(context: Context, hosting: Hosting) -> dict[str, Any]:
    output: dict[str, Any] = {
        "S3OutputPath": context.s3_uri("async", "output"),
        "S3FailurePath": context.s3_uri("async", "failure"),
    }
    topics = {"SuccessTopic": hosting.success_topic, "ErrorTopic": hosting.error_topic}
    if any(topics.values()):
        output["NotificationConfig"] = {name: topic for name, topic in topics.items() if topic}
    return {"OutputConfig": output, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": ASYNC_CONCURRENCY}}


def _models(config: Mapping[str, Any]) -> list[tuple[str, str, str, float]]:
    return [
        (group, item["VariantName"], item["ModelName"], float(item.get("InitialVariantWeight", 1.0)))
        for group in ("ProductionVariants", "ShadowProductionVariants")
        for item in config.get(group) or ()
    ]


def _named(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = names.job_name(context.project, "config", request)
    return {"EndpointConfigName": name, **request, "Tags": context.tags}
