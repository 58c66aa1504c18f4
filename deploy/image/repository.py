"""The project's repository in ECR: made, logged in to, and asked what it holds."""

import base64
from dataclasses import dataclass

from deploy import names
from deploy.announce import announce
from deploy.context import Context
from deploy.errors import AwsError, DeployError, NotFoundError
from deploy.prices import other
from deploy.requests.repository import create_repository, put_lifecycle_policy


@dataclass(frozen=True)
class Login:
    registry: str  # host
    user: str
    password: str


def ensure_repository(context: Context) -> None:
    """Create the repository if it is missing. Raises DeployError if there is one that is not the project's own."""
    aws, name = context.aws, context.project
    try:
        found = aws.read("ecr", "DescribeRepositories", repositoryNames=[name])["repositories"][0]
    except NotFoundError:
        announce(f"ECR repository {name}", f"about ${other('ecr_gb_month'):.2f} per GB and month")
        _create(context)
    else:
        _require_own(context, found["repositoryArn"])
    # Always, so that a repository whose creation was interrupted is finished.
    aws.change("ecr", "PutLifecyclePolicy", **put_lifecycle_policy(name))


def find_digest(context: Context, **image: str) -> str | None:
    """The digest of an image in the repository, by `imageTag` or `imageDigest`; None if it is not there."""
    try:
        answer = context.aws.read("ecr", "DescribeImages", repositoryName=context.project, imageIds=[image])
    except NotFoundError:
        return None
    return str(answer["imageDetails"][0]["imageDigest"])


def log_in(context: Context) -> Login:
    """Good for twelve hours. Not to be printed or stored."""
    answer = context.aws.read("ecr", "GetAuthorizationToken")["authorizationData"][0]
    user, _, password = base64.b64decode(answer["authorizationToken"]).decode().partition(":")
    return Login(answer["proxyEndpoint"].partition("://")[2], user, password)


def registry_of(context: Context) -> str:
    """The host, as it is in a dry run, which does not ask."""
    return f"{context.aws.account}.dkr.ecr.{context.aws.region}.amazonaws.com"


def _create(context: Context) -> None:
    try:
        context.aws.change("ecr", "CreateRepository", **create_repository(context.project, context.tags))
    except AwsError as error:
        # Made by an earlier try of this call, whose answer was lost.
        if error.code != "RepositoryAlreadyExistsException":
            raise
        answer = context.aws.read("ecr", "DescribeRepositories", repositoryNames=[context.project])
        _require_own(context, answer["repositories"][0]["repositoryArn"])


def _require_own(context: Context, arn: str) -> None:
    """The lifecycle policy deletes images: it must never meet those of somebody else."""
    tags = context.aws.read("ecr", "ListTagsForResource", resourceArn=arn)["tags"]
    if not any(tag in tags for tag in names.tags(context.project)):
        raise DeployError(
            f"There is an ECR repository {context.project} without the tag {names.TAG}={context.project}, so it is not "
            "this project's; choose another name with `--set project=NAME`."
        )
