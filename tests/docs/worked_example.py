"""A page of docs/extend, done as it says: its files, its changes and its commands, on a copy of the repository."""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.job_folder import PROJECT_DIR

COPIED = ("container", "local_test", "deploy", "docker", "tests", "docs", "pyproject.toml", "Makefile")
NEW_FILE = re.compile(r"`([^`]+)`:")  # a paragraph of this alone names the block after it
SERVER = "local_test.serve_local"
READY_SECONDS = 100
DOCUMENTED_PORT = "8080"


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    path: str  # of the new file that it is, else empty


def copy_project(folder: Path) -> Path:
    """The repository without what git ignores, with the same virtual environment."""
    for name in COPIED:
        source = PROJECT_DIR / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_build", "notebooks"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def blocks(page: Path) -> list[Block]:
    tokens = MarkdownIt("commonmark").parse(page.read_text())
    found, title = [], ""
    for token in tokens:
        if token.type == "inline":
            match = NEW_FILE.fullmatch(token.content)
            title = match[1] if match else ""
        elif token.type == "fence":
            found.append(Block(token.info, token.content, title))
            title = ""
    return found


class WorkedExample:
    def __init__(self, page: Path, project: Path) -> None:
        self.project = project
        self.blocks = blocks(page)

    def apply(self) -> None:
        """Write its new files, and make its changes to those that exist."""
        for block in self.blocks:
            if block.path:
                path = self.project / block.path
                assert not path.exists(), f"{path} is no new file"
                path.write_text(block.text)
            elif block.language == "diff":
                # `git apply` outside of any repository: each line that stays must be there, and just once.
                self._run(["git", "apply", "--unidiff-zero", "-"], block.text)

    def commands(self) -> list[str]:
        return [block.text for block in self.blocks if block.language == "bash"]

    def run(self, command: str) -> str:
        """What it printed. Fails unless its status is 0."""
        return self._run(["bash", "-euo", "pipefail", "-c", command])

    @contextlib.contextmanager
    def serving(self, command: str, port: int) -> Iterator[None]:
        """The server of a command that serves runs, on this port in place of the page's."""
        log = self.project / "server.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {on_port(command, port)}"], cwd=self.project, stdout=file, stderr=file
            )
        try:
            deadline = time.monotonic() + READY_SECONDS
            while "Ready:" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def _run(self, command: list[str], given: str = "") -> str:
        done = subprocess.run(
            command,
            cwd=self.project,
            input=given,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def on_port(command: str, port: int) -> str:
    assert DOCUMENTED_PORT in command
    return command.replace(DOCUMENTED_PORT, str(port))
