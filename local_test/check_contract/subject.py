"""What is checked, and what the checks need to know of it: a model, a request, a training job."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from local_test.check_contract.row import Mode

# After the last byte of these, more bytes change nothing, so that a valid request can be made as large as one likes.
PADDING = {"image/jpeg": b"\0", "application/json": b" "}


@dataclass(frozen=True)
class Request:
    """A body that the image answers with status 200."""

    body: bytes
    content_type: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.content_type}

    @property
    def can_be_padded(self) -> bool:
        return self.content_type in PADDING

    def of_size(self, num_bytes: int) -> bytes:
        """The body made that long: still valid where `can_be_padded`, else zeros after it."""
        return self.body + PADDING.get(self.content_type, b"\0") * (num_bytes - len(self.body))


@dataclass(frozen=True)
class Lines:
    """Records for batch transform, each a line, and the answer type under which each becomes a line again."""

    records: tuple[bytes, ...]
    content_type: str
    accept: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.content_type, "Accept": self.accept}


@dataclass(frozen=True, kw_only=True)
class Training:
    channels: dict[str, Path]
    hyperparameters: dict[str, str]
    endless: dict[str, str] = field(default_factory=dict)  # what makes the job last until it is stopped
    metric: str = ""  # regular expression of the objective metric
    resumed: str = r"(?i)resum|continu|restor"  # in the log of a job that goes on from a checkpoint
    seconds: float = 900  # the longest that a job may take


@dataclass(frozen=True, kw_only=True)
class Subject:
    image: str
    request: Request
    training: Training
    lines: Lines | None = None
    model_dir: Path | None = None  # None: what the training job leaves
    docker_options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)  # of every container that serves
    asynchronous_environment: dict[str, str] = field(default_factory=dict)
    multi_model_environment: dict[str, str] = field(default_factory=dict)  # what bounds its memory, if it can be bound
    asynchronous_bytes: int = 64 * 10**6
    ready_seconds: float = 480  # developer guide, "Custom Inference Code with Hosting Services"
    named_modes: frozenset[Mode] = frozenset()  # those that must not be passed over for want of a label


def read_records(text: bytes) -> tuple[bytes, ...]:
    """The lines that are not empty."""
    return tuple(line for line in text.splitlines() if line.strip())


def json_lines(objects: list[object], accept: str = "application/jsonlines") -> Lines:
    return Lines(tuple(json.dumps(item).encode() for item in objects), "application/jsonlines", accept)
