import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from container import entrypoint

PROJECT_DIR = Path(__file__).parents[2]


@pytest.fixture
def started(monkeypatch) -> list[str]:
    """What the entrypoint started, of the two processes, which are long ones and have their own tests."""
    calls: list[str] = []
    for module_name, function_name, word in (
        ("container.training.launch", "main", "train"),
        ("container.serving.server", "serve", "serve"),
    ):
        module = ModuleType(module_name)
        setattr(module, function_name, lambda word=word: calls.append(word))
        monkeypatch.setitem(sys.modules, module_name, module)
    return calls


def run(*arguments: str, python_options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *python_options, "-m", "container.entrypoint", *arguments]
    return subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("arguments", "expected"), [([], "train"), (["train"], "train"), (["serve"], "serve")])
def test_the_word_chooses_the_process_and_no_word_means_train(started, arguments, expected):
    entrypoint.main(arguments)
    assert started == [expected]


def test_both_processes_exist_under_the_names_that_the_entrypoint_imports():
    from container.serving.server import serve
    from container.training.launch import main

    assert callable(serve)
    assert callable(main)


def test_another_command_gets_its_arguments_unchanged():
    assert run("printf", "%s|", "two words", "$HOME", "it's").stdout == "two words|$HOME|it's|"


def test_another_command_s_exit_status_comes_through():
    assert run("sh", "-c", "exit 3").returncode == 3


def test_another_command_takes_over_the_process_so_that_signals_reach_it():
    command = [sys.executable, "-m", "container.entrypoint", "sh", "-c", "echo $$"]
    with subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True) as process:
        assert int(process.communicate()[0]) == process.pid


def test_another_command_does_not_wait_for_torch():
    result = run("true", python_options=("-X", "importtime"))
    assert "import time" in result.stderr
    assert "torch" not in result.stderr


def test_a_command_that_does_not_exist_is_named_with_what_would_work():
    result = run("trian")
    assert result.returncode == 127
    assert result.stderr.startswith(
        "docker run: 'trian' cannot be run (No such file or directory); use `train`, `serve`"
    )
    assert len(result.stderr.splitlines()) == 1


def test_a_file_that_is_no_program_is_named_too(tmp_path):
    file = tmp_path / "notes.txt"
    file.touch(mode=0o644)
    assert os.strerror(13) in run(str(file)).stderr
