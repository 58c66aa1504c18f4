"""Page of every command with its arguments, from the parsers that read them."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from local_test.reference.markdown import code, plain, table
from local_test.reference.programs import PROJECT_DIR, Program, programs

HEAD = ("argument", "default", "meaning")
Row = tuple[str, str, str]
NEEDED = "needed"
INTRODUCTION = (
    "# Commands\n\nEverything that can be started, and all that it takes. `python` is the project's own, "
    "`.venv/bin/python`, and the folder that of the repository. [make targets](make.md) are shorter names for most "
    "of it.\n\n"
)


def commands_page() -> str:
    found = list(programs())
    with_options = [section for program in found if program.parser for section in _sections(program, program.parser)]
    others = [(code(program.command), plain(program.summary)) for program in found if not program.parser]
    return (
        INTRODUCTION
        + "\n".join(with_options)
        + "\n## Without arguments\n\nThey write pages of this documentation anew.\n\n"
        + table(("command", "meaning"), others)
    )


def _sections(program: Program, parser: argparse.ArgumentParser) -> Iterator[str]:
    """The command's section; with subcommands, one for each after it, and what all of them take once."""
    rows, subcommands = _rows(parser), _subcommands(parser)
    rows_of = {name: _rows(subparser) for name, subparser in subcommands.items()}
    shared = [row for row in next(iter(rows_of.values()), []) if all(row in others for others in rows_of.values())]
    text = f"## {program.command}\n\n" + _body(program.summary, rows, parser.epilog)
    yield text + (f"\nEvery command of it takes:\n\n{table(HEAD, shared)}" if shared else "")
    for name, subparser in subcommands.items():
        own = [row for row in rows_of[name] if row not in shared]
        yield f"### {program.command} {name}\n\n" + _body(subparser.description or "", own, subparser.epilog)


def _body(description: str, rows: list[Row], epilog: str | None) -> str:
    text = _paragraphs(description)
    if rows:
        text += "\n" + table(HEAD, rows)
    examples = (epilog or "").partition("examples:\n")[2]
    if examples:
        text += f"\n```sh\n{_dedent(examples)}\n```\n"
    return text


def _paragraphs(description: str) -> str:
    # Indented paragraphs of a docstring are commands.
    parts = [part for part in description.strip("\n").split("\n\n") if part.strip()]
    blocks = [f"```sh\n{_dedent(part)}\n```" if part.startswith("    ") else plain(part) for part in parts]
    return "\n\n".join(blocks) + "\n"


def _dedent(text: str) -> str:
    lines = text.rstrip().splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip() and line.startswith(" "))
    return "\n".join(line[indent:] if line.startswith(" " * indent) else line for line in lines)


def _rows(parser: argparse.ArgumentParser) -> list[Row]:
    hidden = (argparse._HelpAction, argparse._SubParsersAction)
    return [_row(action) for action in parser._actions if not isinstance(action, hidden)]


def _row(action: argparse.Action) -> Row:
    default = _default(action)
    meaning = ((action.help or "") % {**vars(action), "prog": ""}).removesuffix(f"(default: {default})").rstrip()
    if "(default: " in meaning:
        default = ""  # in words, as where it depends on the machine
    meaning = plain(meaning)
    if action.choices and not action.metavar:
        meaning += f" ({', '.join(code(choice) for choice in action.choices)})"
    return _spelling(action), default if default in ("", NEEDED) else code(default), meaning.strip()


def _spelling(action: argparse.Action) -> str:
    value = action.metavar or (action.dest if not action.option_strings else action.dest.upper())
    value = value if isinstance(value, str) else " ".join(value)
    if not action.option_strings:
        return code({"*": f"[{value} ...]", "+": f"{value} ...", "?": f"[{value}]"}.get(str(action.nargs), value))
    if action.nargs == 0:
        return ", ".join(code(option) for option in action.option_strings)
    value = f"{value} ..." if action.nargs in ("*", "+") else f"[{value}]" if action.nargs == "?" else value
    return ", ".join(code(f"{option} {value}") for option in action.option_strings)


def _default(action: argparse.Action) -> str:
    may_be_left_out = action.option_strings or action.nargs in ("?", "*")
    if not may_be_left_out or (action.option_strings and action.required):
        return NEEDED
    if action.default is None or action.default is False or action.default in ([], "", argparse.SUPPRESS):
        return ""
    if isinstance(action.default, Path) and action.default.is_relative_to(PROJECT_DIR):
        return str(action.default.relative_to(PROJECT_DIR))
    return str(action.default)


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
