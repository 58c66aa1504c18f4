"""Parsers -> a completion script: shtab's, of one parser with every command as a subcommand, and our way into it."""

import argparse
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import shtab

from container.hyperparameters import Hyperparameters
from container.schema import describe
from container.serving.settings import PREFIX, ServeSettings
from deploy.settings import DeploySettings
from local_test.reference.programs import Program, programs

SHELLS = ("bash", "zsh")
PYTHON = "python"
BEFORE_MODULE = "python -m "
BOOLEANS = ("true", "false")
# By the destination of an option that takes NAME=VALUE: which table has its names.
TABLES = {"parameters": "hyperparameters", "changes": "settings", "env": "variables"}
Values = dict[str, tuple[str, ...]]  # the choices of each name; none where any value may be right


def script(shell: str) -> str:
    """What a person sources in that shell, one of SHELLS."""
    completion = shtab.complete(whole_parser(), shell=shell, root_prefix=PYTHON)
    if shell == "zsh":
        completion, _, _ = completion.partition("\nif [[ $zsh_eval_context[-1]")  # how it would start itself
    dispatch = (Path(__file__).parent / f"dispatch.{shell}").read_text()
    lists = "\n".join(_list(shell, name, values) for name, values in tables().items())
    return f"{completion}\n{lists}\n{dispatch}"


@cache
def found() -> tuple[Program, ...]:
    """Every program: finding them takes ten seconds, as it imports them all."""
    return tuple(programs())


def whole_parser() -> argparse.ArgumentParser:
    """Every command that is started by `python -m`, as a subcommand of Python with its module's name."""
    whole = argparse.ArgumentParser(prog=PYTHON, add_help=False)
    commands = whole.add_subparsers()
    for program in found():
        if program.parser and program.command.startswith(BEFORE_MODULE):
            _mark(program.parser)
            module = program.command.removeprefix(BEFORE_MODULE)
            commands.add_parser(
                module, help=program.summary.partition("\n")[0], parents=[program.parser], add_help=False
            )
    return whole


def tables() -> Mapping[str, Values]:
    return {
        "hyperparameters": _values(Hyperparameters),
        "settings": _values(DeploySettings),
        "variables": {PREFIX + name.upper(): values for name, values in _values(ServeSettings).items()},
    }


def _values(cls: type) -> Values:
    return {row["name"]: BOOLEANS if row["type"] == "bool" else _choices(cls, row["name"]) for row in describe(cls)}


def _choices(cls: type, name: str) -> tuple[str, ...]:
    rule = cls.__dataclass_fields__[name].metadata["rule"]  # type: ignore[attr-defined]
    return tuple(rule.choices or ())


def _mark(parser: argparse.ArgumentParser) -> None:
    """Tell shtab what it cannot see: paths, and names that have values."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                _mark(subparser)
        elif action.dest in TABLES and "=" in str(action.metavar):
            function = f"_classifier_{TABLES[action.dest]}_names"
            action.complete = dict.fromkeys(SHELLS, function)  # type: ignore[attr-defined]
        elif action.type is Path or action.dest == "run":
            action.complete = shtab.FILE  # type: ignore[attr-defined]


def _list(shell: str, name: str, values: Values) -> str:
    """The table as an associative array."""
    entries = " ".join(f"[{key}]='{' '.join(choices)}'" for key, choices in values.items())
    declare = "declare -gA" if shell == "bash" else "typeset -gA"
    return f"{declare} _classifier_{name}=({entries})"
