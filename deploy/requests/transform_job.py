"""A batch transform job: every picture below an S3 prefix, or of a manifest, is one request, and its answer one file.

JSON Lines are split into requests of many lines, and each line's answer is a line of the answer's file.
"""

from typing import Any

from deploy.context import Context

CONTENT_TYPE = "application/x-image"  # a picture of any format; the server looks at its bytes
LINES_TYPE = "application/jsonlines"
LINES_SUFFIX, MANIFEST_SUFFIX = ".jsonl", ".manifest"
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
    keep_going: bool = False,
) -> dict[str, Any]:
    """CreateTransformJob's parameters; the answer to `<key>` is `<key>.out` below the job's folder of results.

    With `keep_going` the answer to a picture that cannot be read is its error, where it would fail the whole job.
    """
    is_lines = input_s3_uri.endswith(LINES_SUFFIX)
    resources = {"InstanceType": context.settings.endpoint_instance_type, "InstanceCount": instances}
    data_type = "ManifestFile" if input_s3_uri.endswith(MANIFEST_SUFFIX) else "S3Prefix"
    return {
        "TransformJobName": name,
        "ModelName": model_name,
        "MaxConcurrentTransforms": concurrency,
        "MaxPayloadInMB": payload_mb,
        "BatchStrategy": "MultiRecord" if is_lines else "SingleRecord",
        **({"Environment": {"SERVE_ERRORS": "body"}} if keep_going else {}),
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": data_type, "S3Uri": input_s3_uri}},
            "ContentType": LINES_TYPE if is_lines else CONTENT_TYPE,
            "SplitType": "Line" if is_lines else "None",
            "CompressionType": "None",
        },
        "TransformOutput": {
            "S3OutputPath": context.s3_uri("batch", "output", name),
            "Accept": LINES_TYPE if is_lines else "application/json",
            "AssembleWith": "Line" if is_lines else "None",
        },
        "TransformResources": resources,
        "Tags": context.tags,
    }
