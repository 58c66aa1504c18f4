"""Requests to an asynchronous endpoint: an object in S3 goes in, an object in S3 comes out."""

from dataclasses import dataclass

from deploy.context import Context
from deploy.endpoint.image_file import ImageFile
from deploy.errors import DeployError, NotFoundError
from deploy.stored import put_bytes, split_s3_uri


class RefusedError(DeployError):
    """The model could not do with the image; asking again would not help."""


@dataclass(frozen=True)
class QueuedRequest:
    """Where its answer will lie: one of the two. Both are empty in a dry run."""

    output: str = ""
    failure: str = ""


def submit_image(context: Context, endpoint: str, image: ImageFile, attributes: str = "") -> QueuedRequest:
    address = put_bytes(context, image.body, "async", "input", image.digest)
    return submit(context, endpoint, address, image.content_type, attributes)


def submit(context: Context, endpoint: str, address: str, content_type: str, attributes: str = "") -> QueuedRequest:
    answer = context.aws.change(
        "sagemaker-runtime",
        "InvokeEndpointAsync",
        EndpointName=endpoint,
        InputLocation=address,
        ContentType=content_type,
        Accept="application/json",
        **({"CustomAttributes": attributes} if attributes else {}),
    )
    return QueuedRequest(answer.get("OutputLocation", ""), answer.get("FailureLocation", ""))


def fetch(context: Context, request: QueuedRequest) -> bytes | None:
    """The answer, or None as long as there is none. Raises RefusedError with the model's words if it refused."""
    answer = _read(context, request.output)
    if answer is not None:
        return answer
    refusal = _read(context, request.failure)
    if refusal is not None:
        raise RefusedError(f"The endpoint refused: {refusal.decode(errors='replace').strip()[:500]}")
    return None


def _read(context: Context, address: str) -> bytes | None:
    if not address:
        return None
    bucket, key = split_s3_uri(address)
    try:
        return bytes(context.aws.read("s3", "GetObject", Bucket=bucket, Key=key)["Body"].read())
    except NotFoundError:
        return None
