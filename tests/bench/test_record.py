"""The arithmetic of a comparison, and the fields of the results."""

import json
import platform
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.record import PROJECT_DIR, command_line, compare, left_out_record, read_records, table, write_records


def test_a_value_is_the_median_of_the_rounds_with_their_range() -> None:
    record = compare("speed", "images/s", "higher", [12, 30, 11], "plain", [4, 6, 5])
    assert (record.value, record.min, record.max, record.rounds) == (12, 11, 30, 3)
    assert (record.peer_value, record.peer_min, record.peer_max) == (5, 4, 6)


def test_a_ratio_above_1_is_better_where_high_values_are_good() -> None:
    assert compare("speed", "images/s", "higher", [30], "plain", [10]).ratio == 3


def test_a_ratio_above_1_is_better_where_low_values_are_good() -> None:
    assert compare("latency", "ms", "lower", [10], "plain", [25]).ratio == 2.5


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0), (0, 2), (2, 0)])
def test_there_is_no_ratio_where_a_value_is_0(ours: float, theirs: float) -> None:
    assert compare("failed requests", "requests", "lower", [ours], "plain", [theirs]).ratio is None


def test_results_are_a_list_of_records_complete_in_themselves(tmp_path: Path) -> None:
    record = compare("speed", "images/s", "higher", [30], "plain", [10])
    write_records(tmp_path / "new" / "training.json", [record, record], "python -m bench", quick=True)
    written = json.loads((tmp_path / "new" / "training.json").read_text())
    assert len(written) == 2
    for item in written:
        assert {"name", "value", "unit", "peer", "ratio", "command", "machine"} <= item.keys()
        assert item["quick"] is True
        assert item["command"] == "python -m bench"


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    records = [compare("speed", "images/s", "higher", [30], "plain", [10], side="this project, int8")]
    write_records(tmp_path / "a.json", records, "python -m bench", quick=False)
    assert read_records(tmp_path / "a.json") == records
    assert len((tmp_path / "a.json").read_text().splitlines()) == 3  # brackets, and a line for the record


@pytest.mark.parametrize("text", [None, "no JSON", "{}", '[{"name": "speed"}]'])
def test_results_that_cannot_be_read_are_an_error(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(BenchError, match=r"a\.json holds no results that can be read"):
        read_records(tmp_path / "a.json")


def test_a_peer_that_was_left_out_stands_in_the_results_with_the_reason() -> None:
    record = left_out_record("TorchServe 0.12.0", "`java` is not on PATH.")
    assert record.name == "left out: `java` is not on PATH."
    assert record.ratio is None
    assert "left out: `java` is not on PATH." in table([record])


def test_the_reason_for_leaving_a_peer_out_does_not_tell_whose_machine_it_is() -> None:
    log_path = PROJECT_DIR / "build" / "bench" / "ray.log"
    assert left_out_record("Ray", f"It ended; see {log_path}.").name == "left out: It ended; see build/bench/ray.log."


def test_the_machine_is_described_without_its_name(tmp_path: Path) -> None:
    write_records(tmp_path / "a.json", [compare("speed", "images/s", "higher", [3], "plain", [1])], "c", quick=False)
    text = (tmp_path / "a.json").read_text()
    machine = json.loads(text)[0]["machine"]
    assert machine["cores"] >= 1
    assert machine["memory_gib"] > 0
    assert {"cpu", "os", "python", "torch", "torchvision"} <= machine.keys()
    assert platform.node() not in text
    assert str(Path.cwd()) not in text


def test_the_command_names_the_server_settings_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVE_TORCH_THREADS", "2")
    assert command_line(["serving"]) == "SERVE_TORCH_THREADS=2 python -m bench serving"


def test_the_table_shows_both_values_and_the_ratio() -> None:
    text = table([compare("latency", "ms", "lower", [10], "plain", [25])])
    assert text.splitlines()[1].split() == ["latency", "10", "25", "ms", "2.50x", "this", "project", "plain"]
