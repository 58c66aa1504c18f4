"""Run the notebook from start to end in a kernel of its own, and write what its cells show into it: `make notebook`.

A notebook that fails is left as it was, unless --output names another file: then it shows how far it came. Outputs of
the AWS mode, which name an account, always go to another file.
"""

import argparse
import ast
import asyncio
import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import nbformat
from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from container.errors import SettingsError, UserError
from local_test.interrupts import exit_status
from local_test.train_local import pair

PROJECT_DIR = Path(__file__).parents[1]
NOTEBOOK = Path(__file__).parent / "train_and_deploy.ipynb"
PARAMETERS = "parameters"  # tag of the cell whose values -p changes, as papermill has it
INJECTED = "injected-parameters"
INTERRUPT_SECONDS = 15  # for a cell to end after Ctrl-C, until it is told again


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    notebook = nbformat.read(options.notebook, as_version=4)
    output = options.output or default_output(options.notebook, os.environ.get("NOTEBOOK_MODE", "local"))
    try:
        inject(notebook, dict(options.parameters))
        execute(notebook, options.folder)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except (CellExecutionError, DeadKernelError) as error:
        print(f"The notebook did not come to its end: {error}", file=sys.stderr)
        if output != options.notebook:
            save(notebook, output)
        return 1
    save(notebook, output)
    print(f"Every cell ran; the outputs are in {output}.")
    return 0


def default_output(notebook: Path, mode: str) -> Path:
    """The notebook itself, which keeps the outputs of the local mode, or a file in runs/."""
    return notebook if mode == "local" else PROJECT_DIR / "runs" / f"{notebook.stem}-{mode}.ipynb"


def inject(notebook: NotebookNode, changes: dict[str, str]) -> None:
    """Put a cell after the parameters' that gives some of them other values. Raises SettingsError for unknown ones."""
    place, cell = next(
        (place, cell) for place, cell in enumerate(notebook.cells) if PARAMETERS in cell.metadata.get("tags", ())
    )
    assigned = [node.targets[0] for node in ast.parse(cell.source).body if isinstance(node, ast.Assign)]
    known = [target.id for target in assigned if isinstance(target, ast.Name)]
    for name in changes:
        if name not in known:
            raise SettingsError(f"-p {name}: the notebook has no such parameter; use one of {', '.join(known)}.")
    lines = [f"{name} = {literal(value)!r}" for name, value in changes.items()]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("\n".join(lines), metadata={"tags": [INJECTED]}))


def literal(text: str) -> object:
    """A Python literal, or else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run every cell with `folder` as working directory; what they show takes the place of earlier outputs."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        timeout=None,  # a job on AWS takes its time
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
    )
    client.create_kernel_manager().transport_encryption = "required"  # the connection is open to all of this machine
    # In a thread, as nbclient would answer Ctrl-C by ending the kernel, before what the cell has started is stopped.
    with ThreadPoolExecutor(1) as pool:
        execution = pool.submit(lambda: asyncio.run(client.async_execute()))
        try:
            execution.result()
        except KeyboardInterrupt:
            interrupt(client, execution)
            raise


def interrupt(client: NotebookClient, execution: Future[NotebookNode]) -> None:
    """Have the cell that runs end as Jupyter's stop button ends it, which also ends the notebook and its kernel."""
    while not execution.done():
        if client.km is not None and client.km.has_kernel:
            asyncio.run(ensure_async(client.km.interrupt_kernel()))
        wait([execution], INTERRUPT_SECONDS)


def save(notebook: NotebookNode, path: Path) -> None:
    """Without what differs from one machine to the next."""
    notebook.cells = [cell for cell in notebook.cells if INJECTED not in cell.metadata.get("tags", ())]
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m notebooks.execute", description=__doc__)
    parser.add_argument("notebook", type=Path, nargs="?", default=NOTEBOOK, help=f"(default: {NOTEBOOK.name})")
    parser.add_argument("--output", type=Path, help="write here (default: into the notebook)")
    parser.add_argument("--folder", type=Path, default=PROJECT_DIR, help="working directory (default: the project's)")
    parser.add_argument(
        "-p", dest="parameters", metavar="NAME=VALUE", type=pair, action="append", default=[],
        help="another value for one of the notebook's parameters: a Python literal, or text",
    )  # fmt: skip
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(exit_status(main))
