"""What everything else stands on: the image's repository, the bucket, the role."""

from collections.abc import Iterator
from typing import Any

from deploy import names
from deploy.context import Context
from deploy.creation import has_tag
from deploy.errors import AwsError, NotFoundError
from deploy.inventory.resource import DATA, IMAGE, Request, Resource


def find_ground(context: Context) -> Iterator[Resource]:
    """In the order in which they can be removed."""
    yield from _repository(context)
    yield from _bucket(context)
    yield from _role(context)


def _repository(context: Context) -> Iterator[Resource]:
    try:
        found = context.aws.read("ecr", "DescribeRepositories", repositoryNames=[context.project])["repositories"][0]
        tags = context.aws.read("ecr", "ListTagsForResource", resourceArn=found["repositoryArn"])["tags"]
    except NotFoundError:
        return
    if has_tag(context, tags):
        removal = Request("ecr", "DeleteRepository", {"repositoryName": context.project, "force": True})
        yield Resource(
            "image repository", context.project, since=found.get("createdAt"), removal=(removal,), keep=IMAGE
        )


def _bucket(context: Context) -> Iterator[Resource]:
    """The project's folder in the bucket, and the bucket itself if `upload` made it."""
    try:
        context.aws.read("s3", "HeadBucket", Bucket=context.bucket)
    except NotFoundError:
        return
    address = (context.bucket, f"{context.project}/")
    yield Resource("S3 objects", f"{context.s3_uri()}/", keep=DATA, folder=address)
    if not context.settings.bucket and has_tag(context, _bucket_tags(context)):
        removal = Request("s3", "DeleteBucket", {"Bucket": context.bucket})
        yield Resource("bucket", context.bucket, removal=(removal,), keep=DATA)


def _bucket_tags(context: Context) -> list[dict[str, Any]]:
    try:
        return list(context.aws.read("s3", "GetBucketTagging", Bucket=context.bucket)["TagSet"])
    except AwsError as error:
        if error.code == "NoSuchTagSet" or isinstance(error, NotFoundError):
            return []
        raise


def _role(context: Context) -> Iterator[Resource]:
    name = names.role_name(context.project)
    try:
        role = context.aws.read("iam", "GetRole", RoleName=name)["Role"]
    except NotFoundError:
        return
    if not has_tag(context, role.get("Tags", ())):
        return
    policies = context.aws.pages("iam", "ListRolePolicies", "PolicyNames", RoleName=name)
    removal = [Request("iam", "DeleteRolePolicy", {"RoleName": name, "PolicyName": policy}) for policy in policies]
    removal.append(Request("iam", "DeleteRole", {"RoleName": name}))
    yield Resource("role", name, since=role.get("CreateDate"), removal=tuple(removal))
