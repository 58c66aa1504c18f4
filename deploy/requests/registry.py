"""The model registry's entries: a group per project, a version per model, with the metrics of its run."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from deploy.context import Context

CONTENT_TYPES = ["image/jpeg", "image/png", "image/webp", "application/x-image", "application/json"]
RESPONSE_TYPES = ["application/json"]
APPROVED = "Approved"
PENDING = "PendingManualApproval"
TOKEN_LENGTH = 36  # characters of a client token, at most


def group_request(context: Context) -> dict[str, Any]:
    return {
        "ModelPackageGroupName": context.project,
        "ModelPackageGroupDescription": f"Image classifiers of {context.project}",
        "Tags": context.tags,
    }


def package_request(
    context: Context,
    model: Mapping[str, Any],
    metrics: Mapping[str, Any],
    metrics_s3_uri: str | None,
    *,
    is_approved: bool,
) -> dict[str, Any]:
    """CreateModelPackage's parameters for a model_request. A version has its group's tags, none of its own."""
    container = model["PrimaryContainer"]
    instance_type = context.settings.endpoint_instance_type
    request: dict[str, Any] = {
        "ModelPackageGroupName": context.project,
        "ModelPackageDescription": package_description(model["ModelName"]),
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": CONTENT_TYPES,
            "SupportedResponseMIMETypes": RESPONSE_TYPES,
            "SupportedRealtimeInferenceInstanceTypes": [instance_type],
            "SupportedTransformInstanceTypes": [instance_type],
        },
        "ModelApprovalStatus": APPROVED if is_approved else PENDING,
        "ClientToken": hashlib.sha256(model["ModelName"].encode()).hexdigest()[:TOKEN_LENGTH],
    }
    if metrics:
        request["CustomerMetadataProperties"] = {name: str(value) for name, value in metrics.items()}
    if metrics_s3_uri:
        statistics = {"ContentType": "application/json", "S3Uri": metrics_s3_uri}
        request["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}
    return request


def package_description(model_name: str) -> str:
    """By it a version is found again: a listing shows descriptions, and nothing else of what it holds."""
    return f"As model {model_name}"


def quality_report(metrics: Mapping[str, Any]) -> bytes:
    """metrics.json in the shape that SageMaker Studio draws."""
    values = {name: {"value": value, "standard_deviation": "NaN"} for name, value in metrics.items()}
    return (json.dumps({"multiclass_classification_metrics": values}, indent=2, sort_keys=True) + "\n").encode()
