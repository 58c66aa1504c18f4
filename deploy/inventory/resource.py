"""One thing that exists on AWS for a project: what it is, what it costs, and the requests that remove it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

DATA = "data"  # what `teardown --keep` can name
IMAGE = "image"


@dataclass(frozen=True)
class Request:
    service: str
    operation: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    kind: str
    name: str
    status: str = ""
    since: datetime | None = None
    dollars_per_hour: float | None = 0.0  # None: it costs, and the price table does not know how much
    removal: tuple[Request, ...] = ()
    # Describes it, and the key of its status: for what takes time to begin or to go.
    look: Request | None = None
    status_key: str = ""
    keep: str = ""  # DATA, IMAGE or nothing
    folder: tuple[str, str] | None = field(default=None)  # (bucket, prefix) of objects that are removed first
