"""tune as a user runs it, without Docker, on tiny pictures: interrupted, killed, gone on with, and its results."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from container.contract import BASE_DIR_VARIABLE
from local_test import tune
from local_test.train_local import PROJECT_DIR
from local_test.tuning import lock
from tests.job_folder import FAST, write_data_set

FIXED = [f"-p{name}={value}" for name, value in FAST.items() if name not in ("learning_rate", "debugger")]
TRIALS = 3
RANGES = """
[ranges.learning_rate]
low = 1e-4
high = 1e-2
scaling = "Logarithmic"
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    (folder / "ranges.toml").write_text(RANGES)
    return write_data_set(folder / "data", per_class=4)


def arguments(data_dir: Path) -> list[str]:
    ranges = ["--space", str(data_dir.parent / "ranges.toml")]
    run = ["--run", str(data_dir.parent / "run"), "--trials", str(TRIALS), "--parallel", "2"]
    return [str(data_dir), "--no-docker", *ranges, *run, *FIXED]


def start(data_dir: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local_test.tune", *arguments(data_dir)]
    return subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def running_jobs(run_dir: Path) -> list[int]:
    """Processes of trials below the folder, known by their environment."""
    mark, found = f"{BASE_DIR_VARIABLE}={run_dir}/trial-".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes() and (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def wait_for(condition: Callable[[], object], seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


def epochs_trained(run_dir: Path) -> int:
    return sum(log.read_text().count("\nEpoch ") for log in run_dir.glob("trial-*/log.txt"))


@pytest.fixture(scope="module")
def told(data_dir: Path) -> list[str]:
    """What a study prints that is interrupted, then killed, then goes on to its end."""
    run_dir, printed = data_dir.parent / "run", []
    study = start(data_dir)
    wait_for(lambda: epochs_trained(run_dir))
    study.send_signal(signal.SIGINT)
    printed.append(study.communicate(timeout=200)[0])
    assert study.returncode == 130, printed
    assert running_jobs(run_dir) == []
    before = epochs_trained(run_dir)
    study = start(data_dir)
    wait_for(lambda: epochs_trained(run_dir) > before)
    study.kill()
    printed.append(study.communicate()[0])
    assert running_jobs(run_dir)  # what the next start has to deal with
    study = start(data_dir)
    printed.append(study.communicate(timeout=200)[0])
    assert study.returncode == 0, printed
    assert running_jobs(run_dir) == []
    return printed


def test_a_study_that_was_interrupted_and_killed_loses_no_trial_and_counts_none_twice(
    told: list[str], data_dir: Path
) -> None:
    run_dir = data_dir.parent / "run"
    trials = json.loads((run_dir / "trials.json").read_text())
    assert (trials["objective"], trials["direction"]) == ("Average loss", "Minimize")
    assert [(row["number"], row["name"]) for row in trials["trials"]] == [(n, f"trial-00{n}") for n in (1, 2, 3)]
    for row in trials["trials"]:
        assert row["state"] == "Completed"
        assert row["value"] == pytest.approx(min(row["intermediate"]))
        assert len(row["intermediate"]) == 2
        assert 1e-4 <= float(row["hyperparameters"]["learning_rate"]) <= 1e-2
    assert "the same command goes on from here" in told[0]


def test_the_best_trial_is_first_in_the_table_and_can_be_served_at_once(told: list[str], data_dir: Path) -> None:
    run_dir = data_dir.parent / "run"
    rows = json.loads((run_dir / "trials.json").read_text())["trials"]
    best = min(rows, key=lambda row: row["value"])["name"]
    assert f"Serve the best: python -m local_test.serve_local {run_dir / best} --no-docker" in told[-1]
    assert f"train_local {data_dir} --run {run_dir}-best -p" in told[-1]
    table = told[-1][told[-1].index("trial      state") :].splitlines()
    assert table[1].startswith(best)
    assert (run_dir / "best").resolve() == run_dir / best
    assert (run_dir / "best" / "model" / "model.pt").is_file()
    assert best in (run_dir / "tuning-report.html").read_text()


def test_a_study_at_its_end_trains_nothing_more(told: list[str], data_dir: Path, capsys) -> None:
    before = (data_dir.parent / "run" / "trial-001" / "log.txt").read_text()
    assert tune.main(arguments(data_dir)) == 0
    assert "Serve the best" in capsys.readouterr().out
    assert (data_dir.parent / "run" / "trial-001" / "log.txt").read_text() == before


def test_trials_train_without_the_debugger_unless_it_is_asked_for(data_dir: Path) -> None:
    options = tune.parse([str(data_dir), "-p", "num_epochs=2"])
    space = tune.chosen_space(options)
    assert space.fixed == {"debugger": "false", "num_epochs": "2"}
    assert "num_epochs" not in [parameter.name for parameter in space.parameters]
    asked = tune.chosen_space(tune.parse([str(data_dir), "-p", "debugger=true"]))
    assert asked.fixed == {"debugger": "true"}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["-p", "learning_rat=1"], "learning_rat"),
        (["-p", "batch_size=0"], "batch_size"),
        (["--space", "/no/such.toml"], "/no/such.toml cannot be read"),
        (["-p", "batch_size=8", "-p", "learning_rate=0.1", "-p", "num_epochs=1"], "nothing is left to tune"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(
    more: list[str], sentence: str, data_dir: Path, tmp_path: Path, capsys
) -> None:
    assert tune.main([str(data_dir), "--no-docker", "--run", str(tmp_path / "run"), *more]) == 1
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_folder_without_pictures_is_refused(tmp_path: Path, capsys) -> None:
    assert tune.main([str(tmp_path / "none"), "--no-docker", "--run", str(tmp_path / "run")]) == 1
    assert "holds no images" in capsys.readouterr().err


def test_two_studies_do_not_share_a_folder(data_dir: Path, tmp_path: Path, capsys) -> None:
    with lock.holding(tmp_path / "lock") as is_mine:
        assert is_mine
        assert tune.main([str(data_dir), "--no-docker", "--run", str(tmp_path)]) == 1
    assert "is being tuned by another process" in capsys.readouterr().err


def test_a_study_without_one_completed_trial_ends_with_status_1(data_dir: Path, tmp_path: Path, capsys) -> None:
    run = ["--run", str(tmp_path / "run"), "--trials", "1", "-p", "pretrained=/no/such"]
    assert tune.main([str(data_dir), "--no-docker", *run]) == 1
    out, err = capsys.readouterr()
    assert "trial-001 Failed: pretrained='/no/such' is no file" in out
    assert "No trial came to its end" in err
