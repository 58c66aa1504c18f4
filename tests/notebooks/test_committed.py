"""The notebook as it lies in the repository: whole, small, and silent about the machine that it ran on."""

import base64
import getpass
import io
import re
import socket
from collections.abc import Iterator

import nbformat
import pytest
from nbformat import NotebookNode
from PIL import Image

from notebooks.execute import NOTEBOOK, PROJECT_DIR

MAX_BYTES = 1_500_000
MAX_WIDTH = 1000  # pixels
# A folder of some machine, an address with a file's scheme, or a figure with a unit of time.
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(work|home|root|tmp|usr|opt|var|mnt|Users|private)/|file://|[A-Z]:\\")
DURATION = re.compile(r"\b\d+(\.\d+)? ?(s|ms|min|seconds|minutes)\b|[Ii]mages per second")


@pytest.fixture(scope="module")
def notebook() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(notebook: NotebookNode, *kinds: str) -> Iterator[tuple[str, str]]:
    """(cell, text) of all that was printed, and of what was displayed as one of `kinds`."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "stream":
                yield cell.id, output.text
            yield from ((cell.id, output.data[kind]) for kind in kinds if kind in output.get("data", {}))


def test_it_is_valid_small_and_executed_from_start_to_end(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    assert NOTEBOOK.stat().st_size < MAX_BYTES
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert None not in counts
    assert counts == sorted(counts)
    assert not [cell.id for cell in code_cells(notebook) for output in cell.outputs if output.output_type == "error"]
    assert not [cell.id for cell in code_cells(notebook) for output in cell.outputs if output.get("name") == "stderr"]


def test_every_picture_of_the_story_is_in_it(notebook: NotebookNode) -> None:
    found = {}
    for cell in code_cells(notebook):
        for output in cell.outputs:
            for kind, content in output.get("data", {}).items():
                if kind.startswith("image/"):
                    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
                        assert image.width <= MAX_WIDTH
                    assert output.metadata[kind]["alt"]
                    found[cell.id] = found.get(cell.id, 0) + 1
    assert found == {
        "sample": 1, "tune-plot": 1, "curves": 1, "confusion": 1, "report": 1, "why": 3
    }  # fmt: skip


def test_no_output_names_the_machine_it_ran_on(notebook: NotebookNode) -> None:
    names = {socket.gethostname(), getpass.getuser(), str(PROJECT_DIR)} - {"localhost"}
    own = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in names if len(name) > 3))
    for cell, text in texts(notebook, "text/plain", "text/html"):
        assert not MACHINE_PATH.search(text), f"{cell}: {MACHINE_PATH.search(text)}"
        assert not own.search(text) or own.pattern == "", f"{cell}: {own.search(text)}"


def test_nothing_printed_says_how_long_it_took(notebook: NotebookNode) -> None:
    assert {cell: found[0] for cell, text in texts(notebook) if (found := DURATION.search(text))} == {}


def test_it_shows_the_local_mode_and_a_model_that_works(notebook: NotebookNode) -> None:
    printed = dict(texts(notebook, "text/plain"))
    assert "Nothing is sent anywhere" in printed["place"]
    assert float(re.search(r"test +[\d.]+ +([\d.]+)", printed["accuracy"])[1]) > 0.7
    assert code_cells(notebook)[-1].source == "place.teardown()"


def test_its_links_lead_somewhere(notebook: NotebookNode) -> None:
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#]+)", prose)
    assert links
    assert [link for link in links if not (NOTEBOOK.parent / link).exists()] == []
