"""The folder of a session goes, whoever the files in it belong to."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from local_test.check_contract.workspace import remove, workspace


class FakeEngine:
    label = "check-contract=1"

    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []

    def run(self, *arguments: str) -> None:
        self.commands.append(arguments)


@pytest.fixture
def engine() -> Any:
    return FakeEngine()


def test_the_folder_is_gone_after_an_error_too(engine: Any) -> None:
    folders: list[Path] = []

    def work() -> None:
        with workspace(engine, "image:1") as folder:
            folders.append(folder)
            (folder / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not folders[0].exists()
    assert engine.commands == []


def test_files_of_root_are_given_to_everybody_by_a_container(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    rmtree = shutil.rmtree

    def refuse(path: Path, ignore_errors: bool = False) -> None:
        if not engine.commands:
            raise PermissionError
        rmtree(path, ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    remove(folder, engine, "image:1")
    assert not folder.exists()
    (command,) = engine.commands
    assert command[-5:] == ("chmod", "image:1", "-R", "a+rwX", "/delete")
    assert f"{folder}:/delete" in command


def test_what_cannot_be_removed_is_named(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError

    monkeypatch.setattr(shutil, "rmtree", refuse)
    remove(tmp_path, engine, "image:1")
    assert f"remove it with `sudo rm -r {tmp_path}`" in capsys.readouterr().err
