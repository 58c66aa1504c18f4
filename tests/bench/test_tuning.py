"""The study's part: what is measured, what is multiplied, and the curve."""

import json
from pathlib import Path

import pytest

from bench import tuning
from bench.errors import BenchError
from bench.photos import write_class_folders
from bench.training import PLAIN
from bench.tuning import COUNTS, NAIVE, Study, run_study, time_records, time_until
from bench.tuning_chart import lines

SMALL = {"backbone": "squeezenet1_1", "image_size": "32", "pretrained": "none", "batch_size": "8"}


def test_a_study_is_timed_trial_by_trial_and_its_accuracies_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "HYPERPARAMETERS", {**tuning.HYPERPARAMETERS, **SMALL})
    data = write_class_folders(tmp_path / "data", 2, train=8, valid=4, size=(64, 48))
    (tmp_path / "weights").mkdir()
    study = run_study(tmp_path / "study", data, tmp_path / "weights" / "none.pth", 2, 2, "on")
    assert 0 < study.ended[0] <= study.ended[1]
    assert len(study.accuracies) == 2
    assert all(0 <= accuracy <= 1 for accuracy in study.accuracies)


def test_a_study_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"ended with status 1: [\s\S]*holds no images to train on"):
        run_study(tmp_path / "study", tmp_path / "nothing", tmp_path / "none.pth", 1, 1, "on")


def test_a_failed_trial_ends_the_measurement(tmp_path: Path) -> None:
    rows = [{"name": "trial-001", "state": "Pruned"}, {"name": "trial-002", "state": "Failed", "reason": "no space"}]
    (tmp_path / "trials.json").write_text(json.dumps({"trials": rows}))
    with pytest.raises(BenchError, match=r"trial-002 of .* failed \(no space\); see its log"):
        tuning.refuse_failed(tmp_path)


def test_later_trials_are_estimated_by_the_later_half_of_those_that_ran() -> None:
    study = Study(ended=[60, 61, 64, 68], accuracies=[])
    assert time_until(study, 1) == 60
    assert time_until(study, 4) == 68
    assert time_until(study, 6) == 68 + 2 * 3.5


def test_peers_are_multiples_of_one_trial_and_the_names_say_what_was_not_measured() -> None:
    study = Study(ended=[10.0, 12.0], accuracies=[])
    records = time_records(study, {NAIVE: (0, 100), PLAIN: (4, 90)})
    assert [record.name for record in records[:3]] == ["1 trial", "2 trials", "5 trials, by the mean of the later ones"]
    assert [record.peer_value for record in records if record.peer == PLAIN][:3] == [94, 184, 454]
    assert records[1].ratio == pytest.approx(200 / 12, abs=1e-3)


def test_the_curve_has_a_line_for_each_way_in_the_order_of_trials(tmp_path: Path) -> None:
    records = time_records(Study([10.0, 12.0], []), {NAIVE: (0, 60), PLAIN: (6, 120)})
    drawn = lines(records)
    assert list(drawn) == ["this project, cached features", NAIVE, PLAIN]
    assert drawn[NAIVE] == [(count, float(count)) for count in COUNTS]
    tuning.chart("A title", records, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000
