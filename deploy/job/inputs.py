"""What `upload` and `push` have left for the jobs: the channels in S3, their content's mark, and the image."""

from dataclasses import dataclass

from container import contract
from deploy.context import Context

CHANNELS = ("train", "valid", "test")


@dataclass(frozen=True)
class Inputs:
    image_uri: str
    channels: dict[str, str]  # name -> S3 address
    num_files: dict[str, int]  # of channels whose number is known
    fingerprint: str  # of the files' names and content; other data make another job

    @classmethod
    def of(cls, context: Context) -> "Inputs":
        """From the state; a dry run assumes what is not there yet. Raises DeployError that names the command to run."""
        root = _required(context, "data_s3_uri", "upload FOLDER", context.s3_uri("data")).rstrip("/")
        num_files = {name: int(count) for name, count in (context.state.get("num_files") or {}).items()}
        known = (*CHANNELS, *contract.PRETRAINED_CHANNELS, *contract.FEATURES_CHANNELS)
        channels = [name for name in num_files if name in known] or list(CHANNELS)
        return cls(
            image_uri=image_uri(context),
            channels={name: f"{root}/{name}/" for name in channels},
            num_files=num_files,
            fingerprint=str(context.state.get("data_fingerprint") or ""),
        )


def image_uri(context: Context) -> str:
    """The image in ECR, by digest. Raises DeployError if `push` has not run."""
    registry = f"{context.aws.account}.dkr.ecr.{context.aws.region}.amazonaws.com"
    return _required(context, "image_uri", "push", f"{registry}/{context.project}:latest")


def _required(context: Context, key: str, command: str, assumed: str) -> str:
    if context.aws.dry_run and context.state.get(key) is None:
        return assumed
    return str(context.state.require(key, command))
