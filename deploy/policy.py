"""IAM policies: what the jobs and endpoints may do, and what the person who deploys needs. No action is a wildcard."""

from typing import Any


def trust_policy() -> dict[str, Any]:
    """Who may take on the execution role: SageMaker."""
    return _document([{**_allow(["sts:AssumeRole"]), "Principal": {"Service": "sagemaker.amazonaws.com"}}])


def execution_policy(project: str, bucket: str, region: str, account: str) -> dict[str, Any]:
    """What training jobs and endpoints need: the project's folder in its bucket, its images, its logs and metrics."""
    log_group = f"arn:aws:logs:{region}:{account}:log-group:/aws/sagemaker/*"
    return _document(
        [
            {
                **_allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]),
                "Resource": f"arn:aws:s3:::{bucket}/{project}/*",
            },
            {
                **_allow(["s3:ListBucket", "s3:GetBucketLocation"]),
                "Resource": f"arn:aws:s3:::{bucket}",
            },
            {
                **_allow(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]),
                "Resource": f"arn:aws:ecr:{region}:{account}:repository/{project}",
            },
            # Neither of these two takes a resource.
            {**_allow(["ecr:GetAuthorizationToken"]), "Resource": "*"},
            {
                **_allow(["cloudwatch:PutMetricData"]),
                "Resource": "*",
                "Condition": {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "AWS/SageMaker"]}},
            },
            {
                **_allow(
                    ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
                ),
                "Resource": [log_group, f"{log_group}:log-stream:*"],
            },
        ]
    )


def _allow(actions: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions}


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}
