"""`python -m notebooks.execute`: parameters, and what a failure leaves."""

from pathlib import Path

import nbformat
import pytest

from container.errors import SettingsError
from notebooks import execute

CELLS = 'import os\nSIZE = 3\nNAME = "a"'


def write(path: Path, *cells: str) -> Path:
    parameters = nbformat.v4.new_code_cell(CELLS, metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[parameters, *map(nbformat.v4.new_code_cell, cells)])
    nbformat.write(notebook, path)
    return path


def test_parameters_get_the_values_given_and_leave_no_trace(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "print(SIZE, NAME, os.getcwd())")
    assert execute.main([str(path), "--folder", str(tmp_path), "-p", "SIZE=(1, 2)", "-p", "NAME=b c"]) == 0
    first, second = nbformat.read(path, as_version=4).cells
    assert first.source == CELLS
    assert second.outputs[0].text == f"(1, 2) b c {tmp_path}\n"
    assert "execution" not in second.metadata


def test_an_unknown_parameter_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    notebook = nbformat.read(write(tmp_path / "a.ipynb"), as_version=4)
    with pytest.raises(SettingsError, match="no such parameter; use one of SIZE, NAME"):
        execute.inject(notebook, {"SIZ": "3"})


def test_a_notebook_that_fails_is_left_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.ipynb", "print('before')", "1 / 0")
    before = path.read_bytes()
    assert execute.main([str(path), "--output", str(tmp_path / "b.ipynb")]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert path.read_bytes() == before
    shown = nbformat.read(tmp_path / "b.ipynb", as_version=4).cells
    assert shown[1].outputs[0].text == "before\n"
    assert shown[2].outputs[0].ename == "ZeroDivisionError"


def test_outputs_of_the_aws_mode_never_go_into_the_notebook() -> None:
    notebook = Path("notebooks/story.ipynb")
    assert execute.default_output(notebook, "local") == notebook
    assert execute.default_output(notebook, "aws") == execute.PROJECT_DIR / "runs" / "story-aws.ipynb"
