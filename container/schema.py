"""Settings given as text -> a typed dataclass: one parser for hyperparameters and for environment variables."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from container.errors import SettingsError

BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a value must satisfy, and the sentence that explains it to a person."""

    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def describe(self) -> str:
        if self.choices:
            return "one of " + ", ".join(self.choices)
        low = "" if self.minimum is None else f"at least {self.minimum:.10g}"
        high = "" if self.maximum is None else f"at most {self.maximum:.10g}"
        return " and ".join(part for part in (low, high) if part)

    def allows(self, value: Any) -> bool:
        if self.choices and value not in self.choices:
            return False
        # Written so that NaN, which no comparison holds for, is refused.
        if self.minimum is not None and not value >= self.minimum:
            return False
        return self.maximum is None or bool(value <= self.maximum)


def setting(default: Any, help: str, **rule: Any) -> Any:
    """A dataclass field that carries its rule, for `parse` and for the generated reference."""
    return field(default=default, metadata={"rule": Rule(help=help, **rule)})


def rule_of(item: Field[Any]) -> Rule:
    rule = item.metadata["rule"]
    assert isinstance(rule, Rule)
    return rule


def parse(cls: type[T], given: Mapping[str, object], where: str) -> T:
    """An instance of the dataclass `cls` from values given as text; names not given keep their default.

    Raises SettingsError that names `where`, the setting, its value, and the nearest valid name or the allowed range.
    """
    known = {item.name: item for item in fields(cls)}  # type: ignore[arg-type]
    types = get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, raw in given.items():
        if name not in known:
            raise SettingsError(f"{where}: no setting is named {name!r}; {_nearest(name, list(known))}")
        values[name] = _cast(name, raw, types[name], rule_of(known[name]), where)
    return cls(**values)


def describe(cls: type) -> list[dict[str, str]]:
    """Name, type, default, rule and help of every setting, as text: the source of `--help` and of the reference."""
    types = get_type_hints(cls)
    return [
        {
            "name": item.name,
            "type": types[item.name].__name__,
            "default": "" if item.default is MISSING else str(item.default),
            "allowed": rule_of(item).describe(),
            "help": rule_of(item).help,
        }
        for item in fields(cls)
        if "rule" in item.metadata
    ]


def _cast(name: str, raw: object, kind: type, rule: Rule, where: str) -> Any:
    text = _unquote(raw)
    try:
        value = _read(text, kind)
    except (KeyError, ValueError) as error:
        raise SettingsError(f"{where}: {name} is {text!r}; it must read as {kind.__name__}.") from error
    if not rule.allows(value):
        hint = f"; {_nearest(text, list(rule.choices))}" if rule.choices else f"; it must be {rule.describe()}."
        raise SettingsError(f"{where}: {name} is {text!r}{hint}")
    return value


def _unquote(raw: object) -> str:
    # Older SDKs JSON-quote strings ("\"adam\""), version 3 leaves them bare and dumps everything else as JSON.
    if not isinstance(raw, str):
        return json.dumps(raw)
    try:
        decoded = json.loads(raw)
    except ValueError:
        return raw.strip()
    return decoded.strip() if isinstance(decoded, str) else raw.strip()


def _read(text: str, kind: type) -> Any:
    if kind is bool:
        return BOOLEANS[text.lower()]
    if kind is int:
        number = float(text)
        if not number.is_integer():
            raise ValueError(text)
        return int(number)
    return kind(text)


def _nearest(name: str, valid: list[str]) -> str:
    close = difflib.get_close_matches(name, valid, n=1)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(valid)}."
