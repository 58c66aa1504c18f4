"""What a caller asks of an invocation beside its images: in the query, or in SageMaker's custom attributes."""

import re
from dataclasses import dataclass

from flask import request

from container import contract
from container.errors import RequestError

MAP = "cam"  # class activation map


@dataclass(frozen=True)
class Options:
    """`explains`: whether to tell where an image shows its label, or `label` if one is given."""

    top_k: int
    explains: bool = False
    label: str | None = None


def read_options(top_k: int) -> Options:
    """The current request's options; `top_k` labels if it does not say. Raises RequestError 422 for a bad one."""
    explain = _read("explain")
    if explain not in (None, MAP):
        raise RequestError(422, "invalid_explain", f"explain is {explain[:32]!r}; the only explanation is {MAP}.")
    return Options(_read_count("top_k", top_k), explain is not None, _read("label"))


def _read(name: str) -> str | None:
    # Custom attributes are one header for whatever a caller wants to carry.
    attributes = request.headers.get(contract.CUSTOM_ATTRIBUTES_HEADER, "")
    found = re.search(rf"(?:^|[\s,;&]){name}=([^\s,;&]*)", attributes)
    return request.args.get(name, found[1] if found else None)


def _read_count(name: str, default: int) -> int:
    text = _read(name)
    if text is None:
        return default
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise RequestError(422, f"invalid_{name}", f"{name} is {text[:32]!r}; it must be a whole number of at least 1.")
    return int(text)
