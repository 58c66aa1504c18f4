"""A rule's parameters arrive as text from the platform and as Python values from a person; both read the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def number(text: str) -> float:
    """A number. Raises ValueError, as all of these do, with what it should have been."""
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number") from None


def whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("True or False")
    return text.lower() == "true"


def words(text: str) -> list[str]:
    """Names separated by commas; none for `None` or nothing."""
    if text.lower() in ("", "none"):
        return []
    return [word.strip() for word in text.split(",") if word.strip()]


def patterns(text: str) -> list[str]:
    """Regular expressions separated by commas, so that none can hold a comma."""
    try:
        for word in words(text):
            re.compile(word)
    except re.error:
        raise ValueError("regular expressions separated by commas") from None
    return words(text)


def optional(read: Callable[[str], T]) -> Callable[[str], T | None]:
    """A reader that also takes `None` and nothing."""
    return lambda text: None if text.lower() in ("", "none") else read(text)
