"""IAM policies: what the jobs and endpoints may do, and what the person who deploys needs. No action is a wildcard."""

from typing import Any

IAM_ACTIONS = (
    *("CreateRole", "GetRole", "DeleteRole", "TagRole", "ListRoleTags"),
    *("PutRolePolicy", "GetRolePolicy", "ListRolePolicies", "DeleteRolePolicy", "ListAttachedRolePolicies"),
)
BUCKET_ACTIONS = (
    *("CreateBucket", "DeleteBucket", "ListBucket", "ListBucketVersions", "GetBucketLocation"),
    *("GetBucketTagging", "PutBucketTagging", "PutEncryptionConfiguration", "PutBucketPublicAccessBlock"),
    *("PutLifecycleConfiguration", "PutBucketVersioning", "ListBucketMultipartUploads"),
)
OBJECT_ACTIONS = ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts")
REPOSITORY_ACTIONS = (
    *("CreateRepository", "DescribeRepositories", "DeleteRepository", "TagResource", "ListTagsForResource"),
    *("PutLifecyclePolicy", "PutImageScanningConfiguration", "DescribeImages", "BatchDeleteImage"),
    # What `docker push` calls by itself.
    *("BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage"),
    *("BatchGetImage", "GetDownloadUrlForLayer"),
)
LISTING_ACTIONS = tuple(
    f"List{kind}"
    for kind in (
        *("TrainingJobs", "HyperParameterTuningJobs", "TransformJobs", "Models", "Endpoints", "EndpointConfigs"),
        *("ModelPackages", "ModelPackageGroups", "TrainingJobsForHyperParameterTuningJob"),
    )
)
SAGEMAKER_ACTIONS = (
    *("AddTags", "ListTags", "InvokeEndpoint", "InvokeEndpointAsync", "UpdateEndpoint", "UpdateModelPackage"),
    *("StopTrainingJob", "StopHyperParameterTuningJob", "StopTransformJob"),
    *(f"{verb}{kind}" for verb in ("Create", "Describe") for kind in ("TrainingJob", "HyperParameterTuningJob")),
    *(f"{verb}TransformJob" for verb in ("Create", "Describe")),
    *(
        f"{verb}{kind}"
        for verb in ("Create", "Describe", "Delete")
        for kind in ("Model", "Endpoint", "EndpointConfig", "ModelPackage", "ModelPackageGroup")
    ),
)
ALARM_ACTIONS = ("PutMetricAlarm", "DeleteAlarms", "TagResource", "ListTagsForResource")
SCALING_ACTIONS = (
    *("RegisterScalableTarget", "DescribeScalableTargets", "DeregisterScalableTarget", "TagResource"),
    *("PutScalingPolicy", "DescribeScalingPolicies", "DeleteScalingPolicy", "ListTagsForResource"),
)


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


def deployer_policy(project: str, bucket: str, region: str, account: str) -> dict[str, Any]:
    """What the person needs who runs the commands, on the project's own resources."""
    statements = [
        {**_allow([f"{service}:{action}" for action in actions]), "Resource": resources}
        for service, actions, resources in _deployer_actions(project, bucket, region, account)
    ]
    passing = {
        **_allow(["iam:PassRole"]),
        "Resource": f"arn:aws:iam::{account}:role/{project}-sagemaker",
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    }
    return _document([*statements, passing])


def _deployer_actions(
    project: str, bucket: str, region: str, account: str
) -> list[tuple[str, tuple[str, ...], str | list[str]]]:
    """(service, actions, resources); actions that take no resource have `*` there."""
    return [
        ("sts", ("GetCallerIdentity",), "*"),
        ("iam", IAM_ACTIONS, f"arn:aws:iam::{account}:role/{project}-sagemaker"),
        ("s3", BUCKET_ACTIONS, f"arn:aws:s3:::{bucket}"),
        ("s3", OBJECT_ACTIONS, f"arn:aws:s3:::{bucket}/{project}/*"),
        ("ecr", ("GetAuthorizationToken",), "*"),
        ("ecr", REPOSITORY_ACTIONS, f"arn:aws:ecr:{region}:{account}:repository/{project}"),
        ("sagemaker", LISTING_ACTIONS, "*"),
        ("sagemaker", SAGEMAKER_ACTIONS, f"arn:aws:sagemaker:{region}:{account}:*/{project}*"),
        ("cloudwatch", ("DescribeAlarms",), "*"),
        ("cloudwatch", ALARM_ACTIONS, f"arn:aws:cloudwatch:{region}:{account}:alarm:{project}*"),
        ("application-autoscaling", SCALING_ACTIONS, "*"),
        (
            "logs",
            ("FilterLogEvents", "DescribeLogStreams"),
            f"arn:aws:logs:{region}:{account}:log-group:/aws/sagemaker/*",
        ),
        ("servicequotas", ("ListServiceQuotas", "GetServiceQuota"), "*"),
    ]


def _allow(actions: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions}


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}
