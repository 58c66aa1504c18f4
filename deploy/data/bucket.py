"""The bucket that holds a project's data and results: there, in the right region, and nobody else's."""

from deploy.announce import announce
from deploy.aws import Aws
from deploy.context import Context
from deploy.errors import AwsError, DeployError, NotFoundError
from deploy.prices import other
from deploy.requests.bucket import bucket_settings, create_bucket

FORBIDDEN_CODES = {"403", "AccessDenied", "BucketAlreadyExists"}


def ensure_bucket(context: Context) -> str:
    """The bucket's name. The project's own is created if it is missing; one that the settings name must be there."""
    aws, bucket = context.aws, context.bucket
    found = find_bucket(context)
    if context.settings.bucket:
        if not found and not aws.dry_run:
            raise DeployError(f"There is no bucket {bucket}, which the setting bucket names; create it, or empty that.")
        return bucket
    if not found:
        announce(f"bucket {bucket}", f"about ${other('s3_gb_month'):.3f} per GB and month")
        _create(aws, bucket)
    # Always, so that a bucket whose creation was interrupted is finished.
    for operation, request in bucket_settings(bucket, context.tags).items():
        aws.change("s3", operation, **request)
    return bucket


def find_bucket(context: Context) -> bool:
    """Whether the bucket is there. Raises DeployError for one in another region or in another's hands."""
    aws, bucket = context.aws, context.bucket
    # The project's own bucket must be this account's: another's with that name would be handed our data.
    owner = {} if context.settings.bucket else {"ExpectedBucketOwner": aws.account}
    try:
        region = aws.read("s3", "HeadBucket", Bucket=bucket, **owner).get("BucketRegion", aws.region)
    except NotFoundError:
        return False
    except AwsError as error:
        raise _forbidden(bucket) if error.code in FORBIDDEN_CODES else error from error
    if region != aws.region:
        raise DeployError(
            f"Bucket {bucket} is in {region}, but the region is {aws.region}, and SageMaker reads only from its own; "
            f"give `--set region={region}` or another bucket."
        )
    return True


def _create(aws: Aws, bucket: str) -> None:
    try:
        aws.change("s3", "CreateBucket", **create_bucket(bucket, aws.region))
    except AwsError as error:
        # Ours already: the answer to an earlier try of this call was lost.
        if error.code != "BucketAlreadyOwnedByYou":
            raise _forbidden(bucket) if error.code in FORBIDDEN_CODES else error from error


def _forbidden(bucket: str) -> DeployError:
    return DeployError(
        f"Bucket {bucket} is another account's, or you may not use it; name one of your own: `--set bucket=NAME`."
    )
