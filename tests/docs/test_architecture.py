"""docs/architecture.md names files, classes and functions that exist, where it says."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from local_test.diagrams import FOLDER
from tests.job_folder import PROJECT_DIR

PAGE = PROJECT_DIR / "docs" / "architecture.md"
# [text](../path.py) `name`: the name is one of that file.
NAMED = re.compile(r"\]\(\.\./([\w/]+\.py)\) `([\w.]+)`")
NAME = re.compile(r"\b(?:[A-Z]\w+\.)?_{0,2}[a-z]\w*_\w+|\b[A-Z][a-z]+[A-Z]\w*(?:\.\w+)?|\b[A-Z]\w+\.\w+")


@cache
def names(path: Path) -> set[str]:
    """Functions, classes, Class.method and constants of a file."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{item.name}" for item in node.body if isinstance(item, ast.FunctionDef)}
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@cache
def names_of_the_image() -> set[str]:
    return set().union(*(names(path) for path in (PROJECT_DIR / "container").rglob("*.py")))


@pytest.mark.parametrize(("path", "name"), NAMED.findall(PAGE.read_text()))
def test_a_name_is_one_of_the_file_beside_it(path: str, name: str) -> None:
    assert name in names(PROJECT_DIR / path)


def test_the_page_names_much_of_the_way() -> None:
    found = {name for _, name in NAMED.findall(PAGE.read_text())}
    assert {"decode_image", "read_channel", "Trainer.train_one_epoch", "save_artifact", "Batcher.submit"} <= found


def test_the_picture_names_what_exists() -> None:
    boxes = tomllib.loads((FOLDER / "architecture.toml").read_text())["boxes"].values()
    text = " ".join(f"{box['text']} {box.get('note', '')}" for box in boxes if box.get("kind", "step") == "step")
    named = set(NAME.findall(text))
    assert len(named) > 15
    assert named <= names_of_the_image()
