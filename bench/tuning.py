"""Tuning: wall time of a study over its number of trials, against the same trials without cached features, and peers.

The studies run as `python -m local_test.tune --no-docker` runs them: two trials at a time on two cores, a process
each, model.pt and tables included. All train the last layer of ResNet-18 on about 1000 photos for five epochs.
Measured: every trial of the study with cached features; two trials without; one of the plain PyTorch loop and one of
fastai's frozen fit, each in one process that uses both cores. More trials of those three are multiples: their trials
share nothing but the start of the process.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from bench.errors import BenchError
from bench.loops import PROJECT_DIR, Contender, running
from bench.part import Part
from bench.peers.environment import peer_python
from bench.record import Record, compare
from bench.training import FASTAI, PEERS_DIR, PLAIN, accuracies, draw_photos, make_weights
from bench.tuning_chart import draw
from container import contract
from local_test.tuning.results import TRIALS_FILE

NAIVE = "feature_cache=off"
COUNTS = (1, 2, 5, 10, 20, 30, 40, 50)  # of trials, on the curve
MEASURED_NAIVE = 2  # trials
GOAL = 20  # trials, in less time than MEASURED_NAIVE of them without the cache
AGAINST = "against"  # in the name of the record of the goal
HYPERPARAMETERS = {"backbone": "resnet18", "fine_tune": "head", "head": "linear", "precisions": "fp32"}


@dataclass(frozen=True)
class Study:
    ended: list[float]  # seconds from the command until so many trials had ended
    accuracies: list[float]  # of the trials by number, on the valid images


@dataclass(frozen=True)
class LoneTrial:
    start_seconds: float  # of the process
    seconds: float  # of one trial in it
    accuracy: float  # at its end


def bench_tuning(work_dir: Path, trials: int, train: int, valid: int, epochs: int) -> list[Record]:
    """Records for each number of trials up to `trials` and each peer, and of accuracy; images per class."""
    data, weights = draw_photos(work_dir, train, valid), make_weights(work_dir)
    study = run_study(work_dir / "study", data, weights, trials, epochs, "auto")
    naive = run_study(work_dir / "study-naive", data, weights, MEASURED_NAIVE, epochs, "off")
    lone = {contender.name: run_trial(contender, epochs, work_dir) for contender in peers(data, weights, epochs)}
    per_trial = naive.ended[-1] / MEASURED_NAIVE
    seconds = {NAIVE: (0.0, per_trial), **{name: (trial.start_seconds, trial.seconds) for name, trial in lone.items()}}
    return [
        *time_records(study, seconds),
        goal_record(study, naive),
        *accuracy_records(study, naive, {name: trial.accuracy for name, trial in lone.items()}),
    ]


def run_study(run_dir: Path, data: Path, weights: Path, trials: int, epochs: int, feature_cache: str) -> Study:
    """A new study in its folder; its times are those at which its progress lines come."""
    shutil.rmtree(run_dir, ignore_errors=True)
    given = {**HYPERPARAMETERS, "num_epochs": str(epochs), "feature_cache": feature_cache}
    command = [sys.executable, "-u", "-m", "local_test.tune", str(data), "--no-docker", "--run", str(run_dir)]
    command += ["--trials", str(trials), "--weights", str(weights.parent)]
    command += [part for name, value in given.items() for part in ("-p", f"{name}={value}")]
    print(f"tuning: {trials} trials with feature_cache={feature_cache}", flush=True)
    environ = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    ended: list[float] = []
    lines: list[str] = []
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=PROJECT_DIR, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line)
                if line.startswith(f"[{len(ended) + 1}/{trials}]"):
                    ended.append(time.perf_counter() - started)
        except BaseException:  # this process shall end: the study ends its trials first
            process.terminate()
            raise
    if process.returncode or len(ended) != trials:
        raise BenchError(f"The study ended with status {process.returncode}: {''.join(lines)[-800:]}")
    refuse_failed(run_dir)
    return Study(ended, read_accuracies(run_dir, trials))


def refuse_failed(run_dir: Path) -> None:
    """Raises BenchError if a trial failed: it would count as a quick one."""
    for row in json.loads((run_dir / TRIALS_FILE).read_text())["trials"]:
        if row["state"] == "Failed":
            raise BenchError(f"{row['name']} of {run_dir} failed ({row['reason']}); see its log.txt.")


def read_accuracies(run_dir: Path, trials: int) -> list[float]:
    """Accuracy of each trial's best epoch on the valid images, in the order of the trials; a pruned one has it too."""
    found = []
    for number in range(1, trials + 1):
        path = run_dir / f"trial-{number:03d}" / "output" / "data" / contract.METRICS_FILE
        found.append(float(json.loads(path.read_text())["valid"]["accuracy"]))
    return found


def peers(data: Path, weights: Path, epochs: int) -> list[Contender]:
    given = [str(data), "head", str(weights)]
    return [
        Contender(PLAIN, [sys.executable, "-m", "bench.peers.plain_loop", *given]),
        Contender(FASTAI, [str(peer_python("fastai")), str(PEERS_DIR / "fastai_loop.py"), *given, str(epochs)]),
    ]


def run_trial(contender: Contender, epochs: int, logs: Path) -> LoneTrial:
    print(f"tuning: one trial of {contender.name}", flush=True)
    with running(contender, logs) as loop:
        trained = [loop.train_one_epoch() for _ in range(epochs)]
    return LoneTrial(loop.start_seconds, sum(epoch.seconds for epoch in trained), trained[-1].accuracy)


def time_until(study: Study, count: int) -> float:
    """Seconds until `count` trials had ended; of more than there were, by the mean of the later half."""
    if count <= len(study.ended):
        return study.ended[count - 1]
    half = len(study.ended) // 2
    return study.ended[-1] + (count - len(study.ended)) * fmean(
        after - before for before, after in zip(study.ended[half - 1 :], study.ended[half:], strict=False)
    )


def time_records(study: Study, seconds_of_peers: dict[str, tuple[float, float]]) -> list[Record]:
    """A record for each of COUNTS and each peer, of which the seconds of its start and of a trial are given."""
    records = []
    for peer, (start, trial) in seconds_of_peers.items():
        for count in COUNTS:
            name = f"{count} trial{'s' if count > 1 else ''}"
            if count > len(study.ended):
                name += ", by the mean of the later ones"
            records.append(compare(name, "s", "lower", [time_until(study, count)], peer, [start + count * trial]))
    return records


def goal_record(study: Study, naive: Study) -> Record:
    trials = min(GOAL, len(study.ended))
    peer, without = f"{MEASURED_NAIVE} trials with {NAIVE}", [naive.ended[-1]]
    return compare(
        f"{trials} trials {AGAINST} {MEASURED_NAIVE}", "s", "lower", [time_until(study, trials)], peer, without
    )


def accuracy_records(study: Study, naive: Study, peers: dict[str, float]) -> list[Record]:
    """The same hyperparameters with and without the cache; and the best trial beside each peer's one."""
    best, same = max(study.accuracies), study.accuracies[:MEASURED_NAIVE]
    return [
        accuracies("accuracy of the same trials", same, NAIVE, naive.accuracies),
        *(accuracies("accuracy, here of the best trial", [best], name, [accuracy]) for name, accuracy in peers.items()),
    ]


def chart(title: str, records: Sequence[Record], path: Path) -> None:
    draw(title, [record for record in records if record.unit == "s" and AGAINST not in record.name], path)


def measure_part(work_dir: Path, quick: bool) -> list[Record]:
    if quick:
        return bench_tuning(work_dir, trials=4, train=8, valid=2, epochs=2)
    return bench_tuning(work_dir, trials=COUNTS[-1], train=100, valid=25, epochs=5)


PART = Part(
    name="tuning",
    help="wall time of a study of 1 to 50 trials with cached features, without, and of peers",
    title="Tuning the head of resnet18, 1000 photos, 5 epochs",
    measure=measure_part,
    chart=chart,
    check=lambda: print(f"tuning: fastai is in {peer_python('fastai')}", flush=True),
)
