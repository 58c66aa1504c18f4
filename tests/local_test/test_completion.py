"""What a real bash and a real zsh complete, on a terminal, after `source build/completion.bash`."""

import re
import shutil
from collections.abc import Iterator

import pytest

from deploy.cli import COMMANDS
from local_test.completion.scripts import SHELLS, script
from tests.terminal import Terminal

PROMPT = "ready> "
START = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "bind 'set show-all-if-ambiguous on'; bind 'set page-completions off'; bind 'set completion-query-items 0'; "
        f"bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; PS1='{PROMPT}'; source {{}}\n",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -Uz compinit; compinit -D; setopt nobeep nolistbeep; unsetopt listambiguous zle_bracketed_paste; "
        f"LISTMAX=1000; PS1='{PROMPT}'; source {{}}\n",
    ),
}
PYTHON = ".venv/bin/python -m "


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    if shutil.which(request.param) is None:
        pytest.skip(f"There is no {request.param}; `apt-get install {request.param}`.")
    path = tmp_path_factory.mktemp("completion") / f"completion.{request.param}"
    path.write_text(script(request.param))
    command, setting = START[request.param]
    terminal = Terminal(command, {"TERM": "dumb", "PATH": "/usr/bin:/bin", "COLUMNS": "200", "HOME": str(path.parent)})
    terminal.type(setting.format(path))
    terminal.wait_for(rf"source .*\n(.*\n)*.*{PROMPT}$", 30)
    yield terminal
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
