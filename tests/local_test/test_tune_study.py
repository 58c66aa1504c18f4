"""The study: what it chooses, how trials are watched, pruned, stopped and gone on with.

Trials are a script that prints the lines of a training job without training; test_tune.py runs real ones.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest

from container import contract
from container.cores import available_cores
from container.errors import UserError
from local_test.opt_ml import Run
from local_test.tuning import lock
from local_test.tuning.cores import Cores, pinned, share_cores
from local_test.tuning.results import trials_of
from local_test.tuning.search_space import Categorical, Continuous, Integer, Space
from local_test.tuning.study import next_trial, open_study, unfinished_trials
from local_test.tuning.trial_job import Launcher, end_earlier
from local_test.tuning.tuner import Tuner

JOB = """
import json, os, pathlib, signal, sys, time
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
def end(stopped):
    (root / "output/data/metrics.json").write_text(json.dumps({"stopped": stopped}))
    sys.exit(0)
signal.signal(signal.SIGTERM, lambda *_: end(True))
chosen = json.loads((root / "input/config/hyperparameters.json").read_text())
rate, epochs = float(chosen["learning_rate"]), int(chosen["num_epochs"])
if rate == 5:
    (root / "output/failure").write_text("The batch does not fit; lower batch_size.\\nTraceback of no use")
    sys.exit(1)
done = root / "checkpoints/epoch"
for epoch in range(int(done.read_text()) + 1 if done.exists() else 1, epochs + 1):
    time.sleep(0.12 if rate < 9 else 1.5)
    print(f"Epoch {epoch} of {epochs}\\nAverage loss: {rate / epoch:.6f}", flush=True)
    done.write_text(str(epoch))
if rate != 6:
    print(f"Best epoch: {epochs}\\nAverage loss: {rate / epochs:.6f}", flush=True)
end(False)
"""
SPACE = Space((Continuous("learning_rate", 1e-4, 10.0, "Logarithmic"),), fixed={"num_epochs": "3"})
NewTuner = Callable[..., Tuner]


class Scripted(Launcher):
    def command(self, run: Run, cores: Cores) -> list[str]:
        return [sys.executable, "-S", "-c", JOB]


@pytest.fixture
def study(tmp_path: Path) -> Iterator[optuna.Study]:
    with open_study(tmp_path, SPACE, tmp_path, 4) as study:
        yield study


@pytest.fixture
def tuner(study: optuna.Study, tmp_path: Path) -> NewTuner:
    """A function: learning rates of the first trials and their number -> a tuner that runs them one at a time."""

    def new(*rates: float, trials: int = 0, space: Space = SPACE, parallel: int = 1) -> Tuner:
        for rate in rates:
            study.enqueue_trial({"learning_rate": rate})
        return Tuner(
            study=study,
            space=space,
            run_dir=tmp_path,
            launcher=Scripted(channels={}, features_dir=tmp_path / "features"),
            trials=trials or len(rates),
            seed=0,
            free_cores=share_cores(parallel),
            told=lambda trial: None,
        )

    return new


def rows(study: optuna.Study, *, running: str = "InProgress") -> list[dict]:
    return trials_of(study, SPACE, running=running)["trials"]


def test_a_trial_far_worse_than_those_before_it_is_pruned_by_its_epoch_lines(tuner: NewTuner, study) -> None:
    assert tuner(0.01, 0.02, 0.03, 9.0, 0.005).run()
    assert [row["state"] for row in rows(study)] == ["Completed", "Completed", "Completed", "Pruned", "Completed"]
    assert rows(study)[3]["intermediate"] == [9.0, 4.5]  # not after the first epoch
    assert rows(study)[0]["intermediate"] == [0.01, 0.005, 0.003333]
    assert rows(study)[0]["value"] == 0.003333
    assert rows(study)[0]["hyperparameters"] == {"learning_rate": "0.01"}
    assert rows(study)[0]["seconds"] > 0.2


def test_a_failed_trial_is_reported_and_the_study_goes_on(tuner: NewTuner, study) -> None:
    assert tuner(5.0, 6.0, 0.01).run()
    failed, silent, fine = rows(study)
    assert (failed["state"], failed["reason"]) == ("Failed", "The batch does not fit; lower batch_size.")
    assert silent["state"] == "Completed"  # its epochs are there
    assert fine["state"] == "Completed"


def test_a_trial_without_the_objectives_line_has_failed(tuner: NewTuner, study) -> None:
    space = Space(SPACE.parameters, objective="Test loss", fixed=SPACE.fixed)
    assert tuner(0.01, space=space).run()
    assert rows(study)[0]["reason"].startswith("ended without a line `Test loss: ...`")


def test_a_value_that_training_refuses_fails_its_trial_before_it_starts(tuner: NewTuner, study) -> None:
    space = Space(SPACE.parameters, fixed={"num_epochs": "3", "optimizer": "adan"})
    assert tuner(0.01, space=space).run()
    assert "optimizer" in rows(study)[0]["reason"]


def test_an_interrupt_stops_the_trials_in_order_and_the_study_goes_on_where_they_were(tuner: NewTuner, study) -> None:
    first = tuner(0.01, 0.02, 0.03, parallel=2)
    threading.Thread(target=interrupt_after_an_epoch, args=(first.run_dir / "trial-001" / "log.txt",)).start()
    before = signal.getsignal(signal.SIGINT)
    assert not first.run()
    assert signal.getsignal(signal.SIGINT) is before
    stopped = [row for row in rows(study, running="Stopped") if row["state"] == "Stopped"]
    assert stopped
    for row in stopped:
        assert json.loads((first.run_dir / row["name"] / "output/data/metrics.json").read_text())["stopped"]
    assert tuner(trials=3).run()
    assert [row["state"] for row in rows(study)] == ["Completed"] * 3
    assert [row["number"] for row in rows(study)] == [1, 2, 3]
    for row in stopped:
        printed = (first.run_dir / row["name"] / "log.txt").read_text()
        assert printed.count("Epoch 1 of 3") == 1  # it went on from its checkpoint
        assert rows(study)[row["number"] - 1]["seconds"] > row["seconds"]  # those before and after the stop


def interrupt_after_an_epoch(log: Path) -> None:
    while not (log.exists() and "Epoch 1" in log.read_text()):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def test_what_a_killed_study_left_running_is_stopped_before_its_folder_is_used_again(tuner: NewTuner, study) -> None:
    left = tuner(0.01, trials=1, space=Space(SPACE.parameters, fixed={"num_epochs": "500"}))
    left._start(left._waiting())
    job = left.watched[0].job
    folder = job.run.root
    while "Epoch 1" not in (folder / "log.txt").read_text():
        time.sleep(0.02)
    assert lock.take(folder / "pid") is None
    end_earlier(folder)
    assert job._process.wait(timeout=5) == 0
    assert tuner(trials=1).run()
    assert [(row["number"], row["state"]) for row in rows(study)] == [(1, "Completed")]


STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('Epoch 1', flush=True); time.sleep(60)"
)


def test_a_second_interrupt_ends_trials_that_do_not_obey_at_once(tuner: NewTuner, study, monkeypatch) -> None:
    monkeypatch.setattr(Scripted, "command", lambda *_: [sys.executable, "-S", "-c", STUBBORN])
    stubborn = tuner(0.01)

    def interrupt_twice() -> None:
        interrupt_after_an_epoch(stubborn.run_dir / "trial-001" / "log.txt")
        while not stubborn.is_stopping:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt_twice).start()
    began = time.monotonic()
    assert not stubborn.run()
    assert time.monotonic() - began < 20
    assert [row["state"] for row in rows(study, running="Stopped")] == ["Stopped"]


def test_a_job_that_does_not_obey_is_killed_after_its_grace(tuner: NewTuner, study, monkeypatch) -> None:
    monkeypatch.setattr("container.contract.STOP_GRACE_SECONDS", 0.3)
    monkeypatch.setattr(Scripted, "command", lambda *_: [sys.executable, "-S", "-c", STUBBORN])
    left = tuner(0.01)
    left._start(left._waiting())
    folder: Path = left.watched[0].job.run.root
    while not (folder / "log.txt").read_text():
        time.sleep(0.02)
    end_earlier(folder)
    assert left.watched[0].job._process.wait(timeout=5) == -signal.SIGKILL


def test_a_seed_makes_the_same_choices_also_after_the_study_was_opened_again(tmp_path: Path) -> None:
    space = Space((Integer("batch_size", 8, 128), Categorical("optimizer", ("adam", "sgd"))))
    chosen = []
    for name in ("whole", "in-parts"):
        (tmp_path / name).mkdir()
        found = []
        for part in range(3):
            with open_study(tmp_path / name, space, tmp_path, 3) as study:
                if part and name == "in-parts":
                    found += [next_trial(study, space, 1, 1)[1]]
                else:
                    found += [next_trial(study, space, 1, 1)[1] for _ in range(1 if name == "in-parts" else 3)]
            if name == "whole":
                break
        chosen.append(found)
    assert chosen[0] == chosen[1]
    assert len({json.dumps(each) for each in chosen[0]}) == 3


def test_a_trial_that_was_cut_off_while_its_values_were_chosen_gets_the_rest(tmp_path: Path) -> None:
    space = Space((Integer("batch_size", 8, 128), Continuous("learning_rate", 1e-4, 1.0)))
    with open_study(tmp_path, space, tmp_path, 1) as study:
        kept = study.ask().suggest_int("batch_size", 8, 128)
    with open_study(tmp_path, space, tmp_path, 1) as study:
        ((trial, chosen),) = unfinished_trials(study, space, 0, 1)
        assert trial.number == 0
        assert chosen["batch_size"] == str(kept)
        assert 1e-4 <= float(chosen["learning_rate"]) <= 1
        assert len(study.trials) == 1


def test_another_space_or_other_data_is_refused_in_the_same_folder(tmp_path: Path) -> None:
    with open_study(tmp_path, SPACE, tmp_path, 1):
        pass
    with pytest.raises(UserError, match="other ranges"), open_study(tmp_path, Space(SPACE.parameters), tmp_path, 1):
        pass
    with pytest.raises(UserError, match="other data"), open_study(tmp_path, SPACE, tmp_path / "other", 1):
        pass


def test_trials_side_by_side_get_cores_of_their_own_as_far_as_there_are_enough() -> None:
    cores = available_cores()
    shares = share_cores(cores)
    assert len(set(shares)) == cores
    assert all(len(share) == 1 for share in shares)
    assert len(share_cores(1)[0]) == cores
    assert len(share_cores(2 * cores)) == 2 * cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no CPU affinity")
def test_a_pinned_job_counts_only_its_own_cores() -> None:
    before = os.sched_getaffinity(0)
    with pinned(share_cores(len(before))[0]):
        assert available_cores() == 1
    assert os.sched_getaffinity(0) == before


def test_a_container_gets_its_share_of_the_cores_and_a_name_to_be_found_by(tmp_path: Path) -> None:
    launcher = Launcher(channels={"train": tmp_path / "train"}, features_dir=tmp_path / "f", image="classifier:1")
    for number in (1, 2):
        (tmp_path / f"trial-00{number}").mkdir()
    command = launcher.command(Run(tmp_path / "trial-001"), (4, 5))
    assert command[command.index("--cpus") + 1] == "2"
    assert f"{tmp_path}/train:/opt/ml/input/data/train:ro" in command
    assert command[-2:] == ["classifier:1", "train"]
    name = command[command.index("--name") + 1]
    assert name in launcher.command(Run(tmp_path / "trial-001"), (0,))
    assert name not in launcher.command(Run(tmp_path / "trial-002"), (0,))


def test_containers_of_all_trials_get_the_same_folder_for_features(tmp_path: Path) -> None:
    launcher = Launcher(channels={}, features_dir=tmp_path / "f", image="classifier:1")
    for name in ("trial-001", "trial-002"):
        (tmp_path / name).mkdir()
        command = launcher.command(Run(tmp_path / name), (0,))
        assert command[command.index("-e") - 1 : command.index("-e") + 2] == [
            f"{tmp_path}/f:/features",
            "-e",
            f"{contract.FEATURES_DIR_VARIABLE}=/features",
        ]


def test_a_job_knows_its_threads(tmp_path: Path, tuner: NewTuner, monkeypatch) -> None:
    monkeypatch.setattr(
        Scripted, "command", lambda *_: [sys.executable, "-S", "-c", "import os; print(os.environ['OMP_NUM_THREADS'])"]
    )
    ready = tuner(0.01)
    ready.run()
    assert (tmp_path / "trial-001" / "log.txt").read_text() == f"{available_cores()}\n"
