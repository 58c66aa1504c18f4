"""The command line."""

import json
from pathlib import Path

import pytest

from bench import __main__ as command
from bench.__main__ import main
from bench.part import Part
from bench.record import Record, compare


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """How each part was measured, of which there are two; both are 4 times as fast as their peer."""
    calls: list[str] = []

    def records() -> list[Record]:
        return [compare("speed", "images/s", "higher", [40], "plain", [10])]

    def measure(name: str, how: str) -> list[Record]:
        calls.append(f"{name} {how}")
        return records()

    def part(name: str, *, any_rounds: bool) -> Part:
        return Part(
            name=name,
            help="",
            title=name,
            measure=lambda work_dir, quick: measure(name, "quick" if quick else "full"),
            measure_rounds=(lambda work_dir, rounds: measure(name, f"{rounds} rounds")) if any_rounds else None,
            chart=lambda title, records, path: path.write_bytes(b"png"),
        )

    monkeypatch.setattr(command, "PARTS", (part("fixed", any_rounds=False), part("serving", any_rounds=True)))
    monkeypatch.setattr(command, "signal", type("Signals", (), {"signal": lambda *_: None, "SIGTERM": 15}))
    for folder in ("WORK_DIR", "RESULTS_DIR", "QUICK_RESULTS_DIR", "CHECK_RESULTS_DIR"):
        monkeypatch.setattr(command, folder, tmp_path / folder)
    return calls


def write_results(tmp_path: Path, ratio: float) -> None:
    (tmp_path / "RESULTS_DIR").mkdir()
    record = {**vars(compare("speed", "images/s", "higher", [10 * ratio], "plain", [10])), "command": "earlier"}
    (tmp_path / "RESULTS_DIR" / "serving.json").write_text(json.dumps([record]))


def test_without_the_load_generator_one_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["serving", "--quick"]) == 1
    assert "`h2load` is not on PATH; install it with `apt-get install nghttp2-client`" in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert "python -m bench training --quick" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        ([], ["fixed full", "serving full"]),
        (["serving"], ["serving full"]),
        (["--quick"], ["fixed quick", "serving quick"]),
        (["serving", "fixed", "--rounds", "7"], ["fixed full", "serving 7 rounds"]),
    ],
)
def test_the_named_parts_are_measured_as_long_as_asked(
    arguments: list[str], calls: list[str], measured: list[str], tmp_path: Path
) -> None:
    assert main(arguments) == 0
    assert measured == calls
    written = "QUICK_RESULTS_DIR" if "--quick" in arguments else "RESULTS_DIR"
    assert (tmp_path / written / "serving.json").is_file()


@pytest.mark.parametrize("arguments", [["speed"], ["--rounds", "0"], ["--quick", "--check"]])
def test_a_wrong_argument_is_told(arguments: list[str], measured: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert measured == []


def test_a_check_compares_ratios_and_leaves_the_results_alone(measured: list[str], tmp_path: Path) -> None:
    write_results(tmp_path, ratio=4.2)
    before = (tmp_path / "RESULTS_DIR" / "serving.json").read_text()
    assert main(["serving", "--check"]) == 0
    assert measured == ["serving 2 rounds"]
    assert (tmp_path / "RESULTS_DIR" / "serving.json").read_text() == before


def test_a_check_ends_with_1_and_a_table_where_a_ratio_fell(
    measured: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(tmp_path, ratio=8)
    assert main(["serving", "--check"]) == 1
    assert "8.00x -> 4.00x  this project | speed | plain" in capsys.readouterr().out


def test_a_check_without_results_says_what_to_do(measured: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serving", "--check"]) == 1
    assert (
        "serving.json holds no results that can be read; run the benchmark without --check" in capsys.readouterr().err
    )
    assert measured == []
