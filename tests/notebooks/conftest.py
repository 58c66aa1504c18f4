"""The AWS account of tests/aws, for the notebook's AWS mode."""

from tests.aws.conftest import _running_registry, aws, gateway, registry

__all__ = ["_running_registry", "aws", "gateway", "registry"]
