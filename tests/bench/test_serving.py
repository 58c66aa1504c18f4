"""The order of rounds, who is left out, and what may be compared."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import serving
from bench.errors import BenchError
from bench.serving import FP32, QUICK, check_agreement, describe_rates, our_sides, run_rounds
from bench.serving_round import Round
from bench.sides import Side
from tests.bench.serving_rounds import ANSWER, make_round


def side(name: str, tmp_path: Path, *, is_ours: bool = False) -> Side:
    return Side(name=name, command=["server"], port=1, log_path=tmp_path / "log", is_ours=is_ours)


def run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failing: str = "", failures: int = 9, **answers: dict[str, float]
):  # type: ignore[no-untyped-def]
    """Two rounds of this project and two peers, of which one may fail or answer something else."""
    seen: list[str] = []

    def measure_round(side: Side, *_: object) -> Round:
        seen.append(side.name)
        if side.name == failing and seen.count(failing) <= failures:
            raise BenchError("It ended.")
        return replace(make_round(), prediction=answers.get(side.name, ANSWER))

    monkeypatch.setattr(serving, "measure_round", measure_round)
    monkeypatch.setattr(serving, "draw_photos", dict)
    sides = [side(FP32, tmp_path, is_ours=True), side("first", tmp_path), side("second", tmp_path)]
    left_out: dict[str, str] = {}
    measured = run_rounds(sides, left_out, tmp_path, replace(QUICK, rounds=2))
    return measured, left_out, seen


def test_all_sides_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured, left_out, seen = run(monkeypatch, tmp_path)
    assert seen == [FP32, "first", "second"] * 2
    assert [len(rounds) for rounds in measured.values()] == [2, 2, 2]
    assert left_out == {}


def test_a_peer_that_fails_is_left_out_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured, left_out, seen = run(monkeypatch, tmp_path, failing="first")
    assert left_out == {"first": "It ended."}
    assert list(measured) == [FP32, "second"]
    assert seen.count("first") == 2  # it was given another chance


def test_our_own_failure_ends_the_benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="It ended"):
        run(monkeypatch, tmp_path, failing=FP32)


def test_a_peer_that_fails_once_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured, left_out, _ = run(monkeypatch, tmp_path, failing="first", failures=1)
    assert left_out == {}
    assert len(measured["first"]) == 2


def test_a_peer_that_runs_another_model_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured, left_out, _ = run(monkeypatch, tmp_path, second={"z": 1.0})
    assert "do not run the same model" in left_out["second"]
    assert "second" not in measured


def test_this_project_stands_twice_where_the_machine_has_fewer_bits(tmp_path: Path) -> None:
    sides = our_sides("int8", tmp_path, tmp_path)
    assert [made.name for made in sides.values()] == [FP32, "this project, int8"]
    assert "SERVE_PRECISION" not in sides["int8"].variables
    assert sides["fp32"].variables["SERVE_PRECISION"] == "fp32"
    assert list(our_sides("fp32", tmp_path, tmp_path)) == ["fp32"]


@pytest.mark.parametrize(
    "theirs",
    [
        {"b": 0.5, "a": 0.2, "c": 0.1, "d": 0.05, "e": 0.04},  # another label first
        {"a": 0.5, "b": 0.2, "c": 0.1, "x": 0.05, "y": 0.04},  # two other labels
        {"a": 0.49, "b": 0.2, "c": 0.1, "d": 0.05, "e": 0.04},  # another probability
    ],
)
def test_sides_that_run_different_models_are_not_compared(theirs: dict[str, float]) -> None:
    with pytest.raises(BenchError, match="do not run the same model"):
        check_agreement(ANSWER, theirs, "the plain server")


def test_nearly_equal_classes_may_swap_places() -> None:
    check_agreement(ANSWER, {"a": 0.502, "b": 0.2, "c": 0.1, "e": 0.042, "x": 0.04}, "the plain server")


def test_the_sides_that_cannot_keep_up_are_named() -> None:
    slow = replace(
        make_round(), open={10: make_round().open[10], 25: replace(make_round().open[25], requests_per_second=18)}
    )
    text = describe_rates({"fast": [make_round()], "slow": [slow]})
    assert text == "At 10 arrivals/s all sides keep up.\nAt 25 arrivals/s too slow: slow (18.0/s)."
