"""A model: the image, where its model.tar.gz lies, and the server's settings."""

from collections.abc import Mapping
from typing import Any

from deploy import names
from deploy.context import Context


def model_request(
    context: Context, model_data: str, image_uri: str, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """CreateModel's parameters, the name among them: the same model and settings have the same name."""
    request = {
        "ExecutionRoleArn": context.role_arn,
        "PrimaryContainer": {
            "Image": image_uri,
            "ModelDataUrl": model_data,
            "Environment": dict(environment or {}),
        },
        "Tags": context.tags,
    }
    return {"ModelName": names.job_name(context.project, "model", request), **request}
