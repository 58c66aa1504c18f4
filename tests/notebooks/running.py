"""The notebook run as `make notebook` runs it, in a folder of its own, and what its cells have shown."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from notebooks.execute import NOTEBOOK, PROJECT_DIR


@dataclass(frozen=True)
class Executed:
    status: int
    said: str  # by the command that ran it
    notebook: NotebookNode
    folder: Path

    def outputs(self, cell_id: str) -> list[Any]:
        return list(find(self.notebook, cell_id).outputs)

    def text(self, cell_id: str) -> str:
        """What a cell printed, and the text of what it displayed."""
        return "".join(
            output.get("text") or output.get("data", {}).get("text/plain", "") for output in self.outputs(cell_id)
        )

    def pictures(self, cell_id: str) -> list[str]:
        """The kinds of a cell's pictures."""
        kinds = [kind for output in self.outputs(cell_id) for kind in output.get("data", ())]
        return [kind for kind in kinds if kind.startswith("image/")]

    def code_cells(self) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]


def find(notebook: NotebookNode, cell_id: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == cell_id)


def command(folder: Path, *arguments: object, notebook: Path = NOTEBOOK) -> list[str]:
    """`python -m notebooks.execute`, with outputs in folder/executed.ipynb."""
    words = [notebook, "--folder", folder, "--output", folder / "executed.ipynb", *arguments]
    return [sys.executable, "-m", "notebooks.execute", *map(str, words)]


def environ(**changes: str) -> dict[str, str]:
    """The kernel starts in another folder than the project's, so it must be told where the project is."""
    return {**os.environ, "PYTHONPATH": str(PROJECT_DIR), **changes}


def execute(folder: Path, *arguments: object, notebook: Path = NOTEBOOK, **variables: str) -> Executed:
    done = subprocess.run(
        command(folder, *arguments, notebook=notebook),
        cwd=PROJECT_DIR, env=environ(**variables), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (folder / "executed.ipynb").is_file(), done.stdout + done.stderr  # it did not even begin
    written = nbformat.read(folder / "executed.ipynb", as_version=4)
    return Executed(done.returncode, done.stdout + done.stderr, written, folder)


def is_answered(port: int) -> bool:
    """Whether anything listens on a port of this machine."""
    with socket.socket() as caller:
        return caller.connect_ex(("localhost", port)) == 0
