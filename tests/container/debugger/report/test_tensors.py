import json
from pathlib import Path

import numpy as np
import pytest

from container.debugger.report.distributions import LEVELS
from container.debugger.report.tensors import read_saved_tensors
from tests.container.debugger.report.sample_run import save_tensors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tensors") / "tensors"
    save_tensors(path)
    return path


def test_losses_come_back_by_mode_and_global_step(folder: Path) -> None:
    train, evaluation = read_saved_tensors(folder, 10).losses
    assert (train.mode, train.steps) == ("TRAIN", list(range(8)))
    assert (evaluation.mode, evaluation.steps) == ("EVAL", [8])
    assert all(0 < value < 5 for value in train.values)


def test_distributions_are_percentiles_of_the_saved_values(folder: Path) -> None:
    from smdebug.trials import create_trial

    found = {each.tensor: each for each in read_saved_tensors(folder, 10).distributions}
    assert found.keys() == {
        "Network_head.0.weight",
        "Network_head.2.weight",
        "gradient/Network_head.0.weight",
        "gradient/Network_head.0.bias",
        "gradient/Network_head.2.weight",
        "gradient/Network_head.2.bias",
    }
    weights = found["Network_head.0.weight"]
    assert weights.steps == list(range(8))
    value = create_trial(str(folder)).tensor("Network_head.0.weight").value(3)
    assert weights.rows[3] == pytest.approx(np.percentile(value, LEVELS).tolist())
    assert not weights.is_cut


def test_with_no_time_left_every_tensor_has_at_least_one_step(folder: Path) -> None:
    found = read_saved_tensors(folder, 0).distributions
    assert len(found) == 6
    assert {len(each.steps) for each in found} == {1}
    assert all(each.is_cut for each in found)


def test_tensors_saved_as_reductions_show_least_mean_and_largest(tmp_path: Path) -> None:
    save_tensors(tmp_path / "tensors", num_steps=3, reductions="min,max,mean")
    found = read_saved_tensors(tmp_path / "tensors", 10)
    weights = next(each for each in found.distributions if each.kind == "weights")
    assert len(weights.rows) == 3
    assert all(least < mean < largest for least, mean, largest in weights.rows)


def test_a_missing_an_empty_and_a_damaged_folder_are_said_in_a_sentence(tmp_path: Path) -> None:
    assert "debugger=true" in read_saved_tensors(None, 1).missing
    assert "debugger=true" in read_saved_tensors(tmp_path, 1).missing
    collections = tmp_path / "collections" / "000000000"
    collections.mkdir(parents=True)
    (collections / "worker_0_collections.json").write_text('{"num_workers": 2}')
    assert "debugger=true" in read_saved_tensors(tmp_path, 1).missing  # smdebug would wait for the second worker
    (collections / "worker_0_collections.json").write_text(json.dumps({"num_workers": 1}))
    assert "cannot be read" in read_saved_tensors(tmp_path, 1).missing


def test_a_step_whose_values_are_lost_is_left_out(tmp_path: Path) -> None:
    save_tensors(tmp_path, num_steps=4)
    next(tmp_path.glob("events/000000000002/*")).unlink()
    found = read_saved_tensors(tmp_path, 10)
    assert found.losses[0].steps == [0, 1, 3]
    assert found.distributions[0].steps == [0, 1, 3]


def test_a_job_that_still_runs_can_be_read(tmp_path: Path) -> None:
    save_tensors(tmp_path, num_steps=4, finish=False)
    assert not (tmp_path / "training_job_end.ts").exists()
    assert read_saved_tensors(tmp_path, 10).losses[0].steps[:3] == [0, 1, 2]
