"""Every program of the repository and its parser: found, not listed, so that none is forgotten.

A program is started as it is from a shell, up to the moment in which it reads its arguments.
"""

import argparse
import ast
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from unittest import mock

PROJECT_DIR = Path(__file__).parents[2]
FOLDERS = ("deploy", "local_test", "docker", "bench", "tests/hostile")
WITHOUT_PACKAGE = ("docker",)  # whose files are run by their path
GUARD = 'if __name__ == "__main__"'


@dataclass(frozen=True)
class Program:
    command: str  # as it is typed: python -m local_test.demo
    parser: argparse.ArgumentParser | None  # None: it takes no arguments
    summary: str  # the first paragraph of its docstring


class _Parsed(BaseException):
    """Takes a parser out of a program, past all that the program catches."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def programs() -> Iterator[Program]:
    """Those that a person starts: with arguments, or with a docstring that says how to start them."""
    for folder in FOLDERS:
        for path in sorted((PROJECT_DIR / folder).rglob("*.py")):
            text = path.read_text()
            if path.name != "__main__.py" and GUARD not in text:
                continue
            command, docstring = _command(path), ast.get_docstring(ast.parse(text)) or ""
            if _has_parser(path, text):
                parser = _parser_of(path)
                yield Program(command, parser, parser.description or docstring)
            elif "python -m" in docstring:
                yield Program(command, None, docstring.partition("\n")[0])


def _command(path: Path) -> str:
    relative = path.relative_to(PROJECT_DIR)
    if relative.parts[0] in WITHOUT_PACKAGE:
        return f"python {relative}"
    parts = relative.with_suffix("").parts
    return f"python -m {'.'.join(parts[:-1] if parts[-1] == '__main__' else parts)}"


def _has_parser(path: Path, text: str) -> bool:
    beside = path.parent.glob("*.py") if path.name == "__main__.py" else ()
    return _makes_parser(text) or any(_makes_parser(other.read_text()) for other in beside)


def _makes_parser(text: str) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Attribute) and called.attr == "ArgumentParser" for called in calls)


def _parser_of(path: Path) -> argparse.ArgumentParser:
    """Raises RuntimeError for a program that ends without having read its arguments."""

    def stop(parser: argparse.ArgumentParser, *_: object, **__: object) -> NoReturn:
        raise _Parsed(parser)

    with _as_from_a_shell(path), mock.patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except _Parsed as found:
            return found.parser
    raise RuntimeError(f"{path} has ended without reading its arguments.")


@contextmanager
def _as_from_a_shell(path: Path) -> Iterator[None]:
    folder = str(path.parent if path.relative_to(PROJECT_DIR).parts[0] in WITHOUT_PACKAGE else PROJECT_DIR)
    with mock.patch.object(sys, "path", [folder, *sys.path]), mock.patch.object(sys, "argv", [str(path)]):
        yield
