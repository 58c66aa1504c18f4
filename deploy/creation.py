"""Creating what may exist already, and telling what is the project's own from what is not."""

from collections.abc import Mapping
from typing import Any

from deploy import names
from deploy.aws import Aws
from deploy.context import Context
from deploy.errors import AwsError, DeployError

TAKEN_CODES = {"ResourceInUse", "ResourceInUseException", "ConflictException"}


def create_once(aws: Aws, describe: str, create: str, name_key: str, request: Mapping[str, Any]) -> bool:
    """Whether it was created just now; False if SageMaker has one of that name.

    For names that hold a digest of the request, so that an equal name is an equal thing.
    """
    look = {name_key: request[name_key]}
    if aws.exists("sagemaker", describe, **look):
        return False
    try:
        aws.change("sagemaker", create, **request)
    except AwsError as error:
        # An answer was lost and boto3 asked again, or another process was faster: then it is there now.
        if is_taken(error) and aws.exists("sagemaker", describe, **look):
            return False
        raise
    return True


def is_taken(error: AwsError) -> bool:
    return error.code in TAKEN_CODES or "already exist" in str(error).lower()


def is_ours(context: Context, arn: str) -> bool:
    """Whether a SageMaker resource carries the project's tag."""
    return has_tag(context, context.aws.pages("sagemaker", "ListTags", "Tags", ResourceArn=arn))


def has_tag(context: Context, tags: Any) -> bool:
    return any(tag["Key"] == names.TAG and tag["Value"] == context.project for tag in tags)


def require_ours(context: Context, kind: str, name: str, arn: str) -> None:
    """Raises DeployError for what somebody else has created under our name."""
    if not is_ours(context, arn):
        raise DeployError(
            f"The {kind} {name} exists and has no tag {names.TAG}={context.project}: it is not this project's. "
            "Choose another project name with --set project=NAME."
        )
