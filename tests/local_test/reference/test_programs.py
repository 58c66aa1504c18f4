"""Parsers are taken out of programs that are started as from a shell."""

import argparse
import sys
from pathlib import Path

import pytest

from local_test.reference import programs
from local_test.reference.commands_page import _sections
from local_test.reference.markdown import plain
from local_test.reference.programs import Program

PROGRAM = '''"""What it does.

Run: python -m local_test.tool
"""
import argparse
def main():
    parser = argparse.ArgumentParser(description="What *it* does.")
    parser.add_argument("--size", type=int, default=3, help="of <it> (default: 3)")
    parser.parse_args()
    raise SystemExit("it has begun")
if __name__ == "__main__":
    main()
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a folder `local_test`."""
    monkeypatch.setattr(programs, "PROJECT_DIR", tmp_path)
    (tmp_path / "local_test").mkdir()
    return tmp_path / "local_test"


def test_a_program_is_found_and_stopped_before_it_begins(folder: Path) -> None:
    (folder / "tool.py").write_text(PROGRAM)
    (folder / "part.py").write_text("import argparse\n\ndef add(parser: argparse.ArgumentParser): ...\n")
    before = list(sys.path), list(sys.argv), argparse.ArgumentParser.parse_args
    (found,) = programs.programs()
    assert (found.command, found.summary) == ("python -m local_test.tool", "What *it* does.")
    assert (sys.path, sys.argv, argparse.ArgumentParser.parse_args) == before


def test_a_program_without_arguments_is_named_and_never_run(folder: Path) -> None:
    run = 'if __name__ == "__main__":\n    raise SystemExit("it has begun")\n'
    (folder / "page.py").write_text(f'"""Write it: python -m local_test.page."""\n{run}')
    (folder / "inner.py").write_text(f'"""A part of others."""\n{run}')
    (found,) = programs.programs()
    assert found == Program("python -m local_test.page", None, "Write it: python -m local_test.page.")


def test_a_program_that_reads_no_arguments_is_an_error(folder: Path) -> None:
    (folder / "tool.py").write_text(PROGRAM.replace("    parser.parse_args()\n", "").replace("raise", "#"))
    with pytest.raises(RuntimeError, match="without reading its arguments"):
        list(programs.programs())


def test_a_page_of_subcommands_has_what_all_take_once() -> None:
    parser = argparse.ArgumentParser(prog="x")
    commands = parser.add_subparsers()
    for name in ("one", "other"):
        command = commands.add_parser(name, description=f"Does {name}.", epilog="examples:\n  x one --dry | y")
        command.add_argument("--dry", action="store_true", help="send nothing")
        command.add_argument(name.upper(), nargs="?", default=7, help="a number (default: 7)")
    parent, one, other = _sections(Program("x", parser, "What it is."), parser)
    assert parent.count("| `--dry` |  | send nothing |") == 1
    assert "--dry` |" not in one
    assert "| `[ONE]` | `7` | a number |" in one
    assert one.startswith("### x one\n\nDoes one.\n")
    assert "```sh\nx one --dry | y\n```" in other


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a <b>  *c*\nd", "a \\<b> \\*c\\* d"), ("`a|*b*` num_epochs _x", "`a|*b*` num_epochs \\_x"), ("a|b", "a\\|b")],
)
def test_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert plain(text) == shown
