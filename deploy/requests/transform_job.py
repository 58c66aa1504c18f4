"""A batch transform job: every picture below an S3 prefix is one request, and its answer one file."""

from typing import Any

from deploy.context import Context

CONTENT_TYPE = "application/x-image"  # a picture of any format; the server looks at its bytes
MAX_TOTAL_MB = 100  # of the requests under way on an instance (source: CreateTransformJob)


def transform_job_request(
    context: Context,
    *,
    name: str,
    model_name: str,
    input_s3_uri: str,
    instances: int,
    concurrency: int,
    payload_mb: int,
) -> dict[str, Any]:
    """CreateTransformJob's parameters; the answer to `<key>` is `<key>.out` below the job's folder of results."""
    resources = {"InstanceType": context.settings.endpoint_instance_type, "InstanceCount": instances}
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": input_s3_uri}}
    return {
        "TransformJobName": name,
        "ModelName": model_name,
        "MaxConcurrentTransforms": concurrency,
        "MaxPayloadInMB": payload_mb,
        "BatchStrategy": "SingleRecord",
        "TransformInput": {
            "DataSource": source,
            "ContentType": CONTENT_TYPE,
            "SplitType": "None",
            "CompressionType": "None",
        },
        "TransformOutput": {
            "S3OutputPath": context.s3_uri("batch", "output", name),
            "Accept": "application/json",
            "AssembleWith": "None",
        },
        "TransformResources": resources,
        "Tags": context.tags,
    }
