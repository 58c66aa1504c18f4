"""Removing a resource: what is busy is waited for, what is gone already is well."""

from collections.abc import Callable

from deploy.context import Context
from deploy.errors import AwsError, DeployError, NotFoundError
from deploy.inventory.resource import Request, Resource

OBJECTS_AT_ONCE = 1000  # S3's limit of one DeleteObjects
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
OVER = ("Stopped", "Completed", "Failed")


def remove(context: Context, resource: Resource) -> None:
    """Raises AwsError if AWS refuses, DeployError if S3 keeps objects."""
    is_job = "Job" in resource.status_key
    if not is_job:  # an endpoint that is being made or changed cannot be deleted
        _wait(context, resource, lambda status: status not in BUSY)
    if resource.folder:
        _empty(context, *resource.folder)
    for request in resource.removal:
        _send(context, request)
    _wait(context, resource, lambda status: is_job and status in OVER)


def _send(context: Context, request: Request) -> None:
    try:
        context.aws.change(request.service, request.operation, **request.parameters)
    except NotFoundError:
        return


def _wait(context: Context, resource: Resource, is_enough: Callable[[str], bool]) -> None:
    """Until the resource is gone, or its status is enough."""
    request = resource.look
    if request is None:
        return

    def look() -> tuple[bool, str]:
        try:
            found = context.aws.read(request.service, request.operation, **request.parameters)
        except NotFoundError:
            return True, "gone"
        status = str(found[resource.status_key])
        return is_enough(status), status

    context.aws.wait(f"{resource.kind} {resource.name}", look)


def _empty(context: Context, bucket: str, prefix: str) -> None:
    """Delete every object below a prefix, and every upload that was never ended. Raises DeployError if some stay."""
    keys: list[dict[str, str]] = []
    refused: list[str] = []
    for item in context.aws.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=prefix):
        keys.append({"Key": item["Key"]})
        if len(keys) == OBJECTS_AT_ONCE:
            refused += _delete(context, bucket, keys)
            keys = []
    if keys:
        refused += _delete(context, bucket, keys)
    for upload in context.aws.pages("s3", "ListMultipartUploads", "Uploads", Bucket=bucket, Prefix=prefix):
        which = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
        _send(context, Request("s3", "AbortMultipartUpload", which))
    if refused:
        raise DeployError(
            f"S3 kept {len(refused)} objects; see who may delete there, and run it again. The first: {refused[0]}"
        )


def _delete(context: Context, bucket: str, keys: list[dict[str, str]]) -> list[str]:
    """What S3 would not delete, and why."""
    try:
        answer = context.aws.change("s3", "DeleteObjects", Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    except AwsError as error:
        return [str(error)]
    return [f"{item.get('Key')} ({item.get('Message') or item.get('Code')})" for item in answer.get("Errors", ())]
