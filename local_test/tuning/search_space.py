"""The hyperparameters that tuning chooses from: one definition for SageMaker's tuning jobs and for tuning at home."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_type_hints

from container import contract
from container.errors import SettingsError
from container.hyperparameters import Hyperparameters
from container.schema import parse

Scaling = Literal["Auto", "Linear", "Logarithmic"]
Direction = Literal["Minimize", "Maximize"]
MAX_PARAMETERS = 30  # of one tuning job (source: HyperParameterTuningJobConfig)


@dataclass(frozen=True)
class Integer:
    name: str
    low: int
    high: int  # may be chosen too
    scaling: Scaling = "Auto"


@dataclass(frozen=True)
class Continuous:
    name: str
    low: float
    high: float
    scaling: Scaling = "Auto"


@dataclass(frozen=True)
class Categorical:
    name: str
    values: tuple[str, ...]


Parameter = Integer | Continuous | Categorical


@dataclass(frozen=True)
class Space:
    parameters: tuple[Parameter, ...]
    objective: str = "Average loss"  # one of contract.METRICS
    direction: Direction = "Minimize"
    fixed: dict[str, str] = field(default_factory=dict)  # hyperparameters that every trial gets


# Ranges and objective of the original project; its "Average loss" is the validation loss.
DEFAULT_SPACE = Space(
    parameters=(
        Integer("batch_size", 32, 128),
        Continuous("learning_rate", 1e-4, 5e-2, "Logarithmic"),
        Integer("num_epochs", 5, 15),
    )
)


def read_space(path: Path) -> Space:
    """The space in a TOML file: tables `ranges.<hyperparameter>` and `fixed`, and `objective` and `direction`.

    Raises SettingsError that names the file, the hyperparameter and the nearest name or what is allowed.
    """
    try:
        given = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}); give a TOML file with a search space."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML ({error}); correct it.") from error
    _only(given, ("objective", "direction", "ranges", "fixed"), str(path))
    ranges, fixed = _table(given, "ranges", path), _table(given, "fixed", path)
    objective = _one_of(given.get("objective", "Average loss"), contract.METRICS, f"{path}: objective")
    usual = "Minimize" if objective.endswith("loss") else "Maximize"
    direction = _one_of(given.get("direction", usual), get_args(Direction), f"{path}: direction")
    if not 1 <= len(ranges) <= MAX_PARAMETERS:
        raise SettingsError(f"{path} has {len(ranges)} tables `ranges.NAME`; give 1 to {MAX_PARAMETERS}.")
    if both := ranges.keys() & fixed.keys():
        raise SettingsError(f"{path}: {min(both)} is in `ranges` and in `fixed`; keep one of them.")
    parameters = tuple(_parameter(name, limits, path) for name, limits in ranges.items())
    return Space(parameters, objective, cast(Direction, direction), as_text(fixed, str(path)))


def as_text(values: Mapping[str, object], where: str) -> dict[str, str]:
    """Hyperparameters as SageMaker takes them. Raises SettingsError for a name or value that training would refuse."""
    parse(Hyperparameters, values, where)
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}


def _parameter(name: str, limits: Any, path: Path) -> Parameter:
    where = f"{path}: ranges.{name}"
    kinds = get_type_hints(Hyperparameters)
    kind = kinds[_one_of(name, tuple(kinds), f"{path}: ranges")]
    if not isinstance(limits, dict):
        raise SettingsError(f"{where} is {limits!r}; give a table with low and high, or with values.")
    if "values" in limits or kind not in (int, float):
        _only(limits, ("values",), where)
        return Categorical(name, _values(name, limits.get("values"), where))
    _only(limits, ("low", "high", "scaling"), where)
    for end in ("low", "high"):
        if end not in limits:
            raise SettingsError(f"{where} has no {end}; give low and high, or values.")
    low, high = (getattr(parse(Hyperparameters, {name: limits[end]}, where), name) for end in ("low", "high"))
    scaling = cast(Scaling, _one_of(limits.get("scaling", "Auto"), get_args(Scaling), f"{where}.scaling"))
    if not low < high:
        raise SettingsError(f"{where}: low is {low} and high is {high}; low must be the smaller one.")
    if scaling == "Logarithmic" and low <= 0:
        raise SettingsError(f"{where}: low is {low}; a logarithmic range must begin above 0.")
    return Integer(name, low, high, scaling) if kind is int else Continuous(name, low, high, scaling)


def _values(name: str, values: Any, where: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not values:
        raise SettingsError(f"{where}.values is {values!r}; give a list, such as ['adam', 'sgd'].")
    return tuple(as_text({name: value}, where)[name] for value in values)


def _table(given: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    table = given.get(key, {})
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: {key} is {table!r}; it must be a table, [{key}].")
    return table


def _only(given: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    for name in given:
        _one_of(name, known, where)


def _one_of(value: object, known: tuple[str, ...], where: str) -> str:
    if value in known:
        return str(value)
    close = difflib.get_close_matches(str(value), known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(known)}."
    raise SettingsError(f"{where}: there is no {value!r}; {hint}")
