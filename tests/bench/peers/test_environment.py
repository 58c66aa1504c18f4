from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.peers import environment


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment, "REQUIREMENTS_DIR", tmp_path)
    monkeypatch.setattr(environment, "ENVIRONMENTS_DIR", tmp_path / "environments")
    return tmp_path / "some.txt"


def test_an_environment_is_made_once_and_anew_when_its_requirements_change(
    requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requirements.write_text("# nothing\n")
    python = environment.peer_python("some")
    assert python.is_file()
    assert "Installing the peer some" in capsys.readouterr().out
    assert environment.peer_python("some") == python
    assert capsys.readouterr().out == ""
    requirements.write_text("# nothing more\n")
    environment.peer_python("some")
    assert "Installing" in capsys.readouterr().out


def test_requirements_that_cannot_be_had_are_named(requirements: Path, tmp_path: Path) -> None:
    requirements.write_text(f"{tmp_path / 'missing-1.0-py3-none-any.whl'}\n")
    with pytest.raises(BenchError, match=r"The peer some cannot be installed: [\s\S]*missing"):
        environment.peer_python("some")
