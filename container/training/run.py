"""The training process, in reading order: settings, data, network, epochs, artifact."""

import dataclasses
import io
import json
import math
import sys
import time

from container import contract
from container.cores import available_cores
from container.errors import DivergenceError
from container.settings import TrainSettings, base_dir_from
from container.stop import Stopped, StopRequest, listening
from container.training import distributed, failure
from container.training.debugging import start_debugging
from container.training.finish import finish, keep_best
from container.training.job import Job
from container.training.loop import ADVICE
from container.training.measurement import measure
from container.training.metrics import Tally
from container.training.optimization import choose_backends
from container.training.splits import load_splits


def main() -> int:
    """Run the job; the exit status. A failure leaves its sentence in the failure file."""
    settings = None
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be text
    with listening() as stop:
        try:
            settings = TrainSettings.read()
            train(settings, stop)
        except Stopped:
            print("Stopped as asked, before there was anything to export.", flush=True)
        except Exception as error:  # the top of the process
            failure.report(error, base_dir_from() / "output", settings)
            return 1
        finally:
            distributed.leave()
    return 0


def train(settings: TrainSettings, stop: StopRequest) -> None:
    group = distributed.join(settings.rank, settings.local_rank, settings.world_size, settings.network_interface)
    choose_backends(num_threads=max(1, available_cores() // settings.processes_per_host))
    if group.is_main:
        print("Settings: " + json.dumps(dataclasses.asdict(settings), default=str), flush=True)
    splits = load_splits(settings, group, stop.check)
    job = Job.start(settings, group, splits)
    measured = None
    try:
        run_epochs(job, stop)
        measured = measure(job, stop.check, lambda: stop.is_set)
    except Stopped:
        if job.progress.epoch == 0 and job.progress.step == 0:
            raise
    except Exception as error:
        keep_best(job, error)
        raise
    finish(job, measured, stop.check)


def run_epochs(job: Job, stop: StopRequest) -> None:
    try:
        if job.settings.hyperparameters.debugger:
            start_debugging(job)
        while not job.is_done:
            run_epoch(job, stop)
    finally:
        job.trainer.debugger.close()  # after a failure too; and a network with hooks cannot be exported


def run_epoch(job: Job, stop: StopRequest) -> None:
    """Train one epoch, or the rest of one, evaluate it, print its metrics and write a checkpoint."""
    progress, trainer = job.progress, job.trainer
    job.prepare("train", job.sampler.view_of(progress.epoch), stop.check)
    job.prepare("valid", 0, stop.check)
    started, first_count = time.perf_counter(), progress.tally.num_examples
    job.sampler.start_at(progress.epoch, progress.step)
    tally = trainer.train_one_epoch(
        job.loaders["train"], job.sampler, job.labels, progress.tally, lambda: stop.is_set, job.save_inside_epoch
    )
    seconds = time.perf_counter() - started
    try:
        valid = trainer.evaluate(job.loaders["valid"], lambda: stop.is_set)
    except Stopped:
        job.save_inside_epoch(job.steps_per_epoch, tally)
        raise
    if not math.isfinite(valid.loss):
        raise DivergenceError(f"The validation loss is {valid.loss} after epoch {progress.epoch + 1}; {ADVICE}.")
    progress.end_epoch(epoch_record(job, tally, valid, (tally.num_examples - first_count) / seconds), job.changing)
    if job.group.is_main:
        print_epoch(progress.history[-1], progress.epoch, job.settings.hyperparameters.num_epochs)
        if job.is_done and progress.epoch < job.settings.hyperparameters.num_epochs:
            print(f"Early stopping: no better validation loss for {progress.epochs_since_best} epochs.", flush=True)
    job.save()


def epoch_record(job: Job, tally: Tally, valid: Tally, images_per_second: float) -> dict[str, float]:
    return {
        "train_loss": tally.loss,
        "train_accuracy": tally.accuracy,
        "valid_loss": valid.loss,
        "valid_accuracy": valid.accuracy,
        "valid_top5_accuracy": valid.top_k_accuracy,
        "learning_rate": job.trainer.learning_rate(job.progress.epoch * job.steps_per_epoch),
        "images_per_second": images_per_second,
    }


def print_epoch(record: dict[str, float], epoch: int, num_epochs: int) -> None:
    print(f"Epoch {epoch} of {num_epochs}", flush=True)
    for name, key in (
        ("Train loss", "train_loss"),
        ("Train accuracy", "train_accuracy"),
        ("Average loss", "valid_loss"),
        ("Accuracy", "valid_accuracy"),
        ("Images per second", "images_per_second"),
    ):
        print(contract.metric_line(name, record[key]), flush=True)
