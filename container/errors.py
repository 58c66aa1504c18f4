"""Every error that a person can cause and mend; anything else is a defect of ours and keeps its traceback.

UserError
├── SettingsError      a hyperparameter, variable or configuration file
├── ChannelError       the data that a channel holds
├── ImageError         bytes that are no image we can use
├── PretrainedError    weights that cannot be had or do not fit
├── CheckpointError    a checkpoint that belongs to another job
├── TrainingError      training that cannot go on
│   └── DivergenceError    as its loss or its weights are no finite numbers
├── ArtifactError      a model artifact that cannot be loaded
└── RequestError       a request to the server, with its HTTP status and a stable code
"""


class UserError(Exception):
    """One sentence that says where, what is wrong with which value, and what to do."""


class SettingsError(UserError):
    pass


class ChannelError(UserError):
    pass


class ImageError(UserError):
    """An image that cannot be decoded. `code` is stable and goes into the server's answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class PretrainedError(UserError):
    pass


class CheckpointError(UserError):
    pass


class TrainingError(UserError):
    pass


class DivergenceError(TrainingError):
    pass


class ArtifactError(UserError):
    pass


class RequestError(UserError):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
