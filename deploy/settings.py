"""What a person chooses for a project: from deploy.toml, changed by --set NAME=VALUE. No secret is ever a setting."""

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path

from container.errors import SettingsError
from container.schema import parse, setting

FILE = Path("deploy.toml")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploySettings:
    project: str = setting("image-classifier", "name that everything created carries, also as a tag")
    region: str = setting("", "AWS region; empty: that of AWS_REGION, AWS_DEFAULT_REGION or the profile")
    role_arn: str = setting("", "an existing execution role; empty: the one that `role` creates")
    bucket: str = setting("", "an existing bucket; empty: one of the project's own")
    image: str = setting("image-classifier:latest", "local image that `push` sends to ECR")
    train_instance_type: str = setting("ml.m5.xlarge", "instances of training and tuning jobs")
    endpoint_instance_type: str = setting("ml.m5.large", "instances of endpoints and batch transform")
    volume_gb: int = setting(30, "disk of a training instance", minimum=1, maximum=16_384)
    max_runtime_seconds: int = setting(86_400, "limit of a training job", minimum=60, maximum=2_419_200)
    spot: bool = setting(False, "managed spot instances for training and tuning; checkpoints go to S3")

    @classmethod
    def read(cls, path: Path = FILE, changes: Mapping[str, str] | None = None) -> "DeploySettings":
        """Raises SettingsError that names the file, or --set, and the value at fault."""
        given: dict[str, object] = {}
        if path.is_file():
            try:
                given = tomllib.loads(path.read_text())
            except tomllib.TOMLDecodeError as error:
                raise SettingsError(f"{path} is not valid TOML ({error}); correct it.") from error
        from_file = parse(cls, given, str(path))
        from_line = parse(cls, changes or {}, "--set")
        return dataclasses.replace(from_file, **{name: getattr(from_line, name) for name in changes or {}})
