"""A hostile input: what it is called, and what is sent."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Sent:
    """The body of a POST /invocations and its content type."""

    content_type: str
    body: bytes


@dataclass(frozen=True)
class Pause:
    """Time between two pieces of what a client sends."""

    seconds: float


@dataclass(frozen=True)
class Wire:
    """What a client writes to its connection, piece by piece, before it says that no more is to come."""

    pieces: tuple[bytes | Pause, ...]


@dataclass(frozen=True)
class Case:
    name: str  # family/kind/number, from which `make_case` makes it again
    sent: Sent | Wire

    @property
    def family(self) -> str:
        return self.name.partition("/")[0]


Builder = Callable[[Random], Sent | Wire]
BytesBuilder = Callable[[Random], bytes]
