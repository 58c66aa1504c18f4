"""What every command is given."""

import argparse
from dataclasses import dataclass
from functools import cached_property

from deploy import names
from deploy.aws import Aws
from deploy.settings import DeploySettings
from deploy.state import State


@dataclass
class Context:
    settings: DeploySettings
    aws: Aws
    state: State
    options: argparse.Namespace  # of the command line

    @property
    def project(self) -> str:
        return self.settings.project

    @property
    def tags(self) -> list[dict[str, str]]:
        return names.tags(self.project)

    @cached_property
    def bucket(self) -> str:
        """The bucket's name; whether it exists is another matter."""
        return self.settings.bucket or names.bucket_name(self.project, self.aws.account, self.aws.region)

    @cached_property
    def role_arn(self) -> str:
        return self.settings.role_arn or names.role_arn(self.project, self.aws.account)

    def s3_uri(self, *parts: str) -> str:
        """An address in the project's bucket, below a folder with the project's name."""
        return "/".join([f"s3://{self.bucket}", self.project, *parts])
