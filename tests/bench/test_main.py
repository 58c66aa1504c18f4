"""The command line."""

from pathlib import Path

import pytest

from bench.__main__ import main


def test_without_the_load_generator_one_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--quick"]) == 1
    assert "`hey` is not on PATH; install it with `apt-get install hey`" in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "python -m bench training --quick" in capsys.readouterr().out
