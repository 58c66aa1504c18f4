"""What a real bash and a real zsh complete, on a terminal, after `source build/completion.bash`."""

import argparse
import re
import shutil
from collections.abc import Iterator

import pytest

from deploy.cli import COMMANDS
from local_test.completion.scripts import SHELLS, found, script
from tests.terminal import Terminal

PROMPT = "ready> "
# How each is started, the file that it reads first, and what makes it show plainly what it has to offer.
START = {
    "bash": (
        ["bash", "--noprofile", "--rcfile", "{home}/.rc", "-i"],
        ".rc",
        "bind 'set show-all-if-ambiguous on'; bind 'set page-completions off'; bind 'set completion-query-items 0'; "
        "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'",
    ),
    "zsh": (
        ["zsh", "-d", "-i"],
        ".zshrc",
        "autoload -Uz compinit; compinit -D; setopt nobeep nolistbeep; unsetopt listambiguous; LISTMAX=1000; "
        "unset zle_bracketed_paste",
    ),
}
PYTHON = ".venv/bin/python -m "


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    if shutil.which(request.param) is None:
        pytest.skip(f"There is no {request.param}; `apt-get install {request.param}`.")
    home = tmp_path_factory.mktemp("completion")
    command, settings_file, settings = START[request.param]
    (home / "completion").write_text(script(request.param))
    (home / settings_file).write_text(f"{settings}\nsource {home}/completion\nPS1='{PROMPT}'\n")
    environ = {"TERM": "dumb", "PATH": "/usr/bin:/bin", "HOME": str(home), "ZDOTDIR": str(home)}
    terminal = Terminal([part.format(home=home) for part in command], environ)
    try:
        terminal.wait_for(PROMPT, 30)
        yield terminal
    finally:
        terminal.kill()


def offered(shell: Terminal, line: str, pattern: str) -> str:
    """What a terminal shows once TAB was pressed behind the line, up to the pattern; the line is then given up."""
    shell.shown = ""
    shell.type(line + "\t")
    found = shell.wait_for(pattern, 20)
    shell.shown = ""
    shell.type("\x15\r")  # Ctrl-U
    shell.wait_for(PROMPT, 20)
    return found.string


def test_modules_subcommands_and_options_are_completed(shell: Terminal) -> None:
    offered(shell, PYTHON + "local_test.train_l", r"local_test\.train_local ")
    shown = offered(shell, PYTHON + "deploy ", r"upload")
    assert set(COMMANDS) <= set(re.findall(r"[a-z]+", shown))
    offered(shell, PYTHON + "deploy batch --dry", r"--dry-run ")
    offered(shell, PYTHON + "local_test.serve_local --no", r"--no-docker ")
    offered(shell, PYTHON + "local_test.train_local data/sample --run runs/x --we", r"--weights ")


def test_names_and_values_of_hyperparameters_and_settings_are_completed(shell: Terminal) -> None:
    offered(shell, PYTHON + "local_test.train_local data -p fine_t", r"fine_tune=")
    shown = offered(shell, PYTHON + "local_test.train_local data -p fine_tune=", r"last_block")
    assert {"head", "all"} <= set(shown.split())
    offered(shell, PYTHON + "deploy train --set proj", r"project=")
    offered(shell, PYTHON + "deploy deploy --env SERVE_PRECISION=bf", r"SERVE_PRECISION=bf16")
    # What comes behind a pair is counted rightly.
    offered(shell, PYTHON + "local_test.tune data -p fine_tune=all --sp", r"--space ")


def test_paths_are_completed(shell: Terminal) -> None:
    offered(shell, PYTHON + "local_test.serve_test contai", r"container/")


def test_help_explains_every_argument_and_has_an_example() -> None:
    for program in found():
        for parser in final_parsers(program.parser):
            assert "examples:" in (parser.epilog or ""), parser.prog
            assert [action.dest for action in parser._actions if not action.help] == [], parser.prog


def final_parsers(parser: argparse.ArgumentParser | None) -> list[argparse.ArgumentParser]:
    """Those of the subcommands, where there are any."""
    if parser is None:
        return []
    branches = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [each for branch in branches for each in branch.choices.values()] or [parser]
