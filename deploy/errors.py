"""What can go wrong between here and AWS, as sentences.

DeployError             anything that a person can mend: what, where, what to do
└── AwsError            AWS refused or did not answer; `code` is AWS's own
    └── NotFoundError   what was asked for does not exist
"""

from container.errors import UserError


class DeployError(UserError):
    pass


class AwsError(DeployError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotFoundError(AwsError):
    pass
