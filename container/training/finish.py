"""The end of a job: the best weights measured, exported and written down."""

import dataclasses
import json
import os
import traceback
from collections.abc import Callable
from typing import Any

from container import contract
from container.errors import UserError
from container.stop import Stopped
from container.training.export import export, versions
from container.training.job import Job
from container.training.metrics import Tally
from container.training.results import write_metrics, write_plots, write_tables
from container.training.variants import add_variants, remove_variants, sentence


def finish(job: Job, stopped: bool, check: Callable[[], None]) -> None:
    """Measure the best weights, then write the artifacts and the results. After a stop nothing more is measured.

    `check` raises Stopped once a stop is asked for; it is called while the variants are made, which may then be left.
    """
    job.changing.load_state_dict(job.progress.weights_to_export(job.changing))
    class_names = list(job.splits["train"].class_names)
    measured = "test" if "test" in job.splits else "valid"
    if not stopped:
        job.prepare(measured, 0, lambda: None)
    tally = Tally.empty(len(class_names)) if stopped else job.trainer.evaluate(job.loaders[measured])
    if job.group.is_main:
        write(job, class_names, measured, tally, stopped)
        # Of many trials one is kept, which is then trained again by itself.
        if not stopped and job.settings.hyperparameters.precisions == "auto" and not job.settings.is_trial:
            write_variants(job, check)
    job.group.wait()  # a host that leaves first may take the others down with it, as in the SDK's local mode


def write(job: Job, class_names: list[str], measured: str, tally: Tally, stopped: bool) -> None:
    remove_variants(job.settings.model_dir)
    summary = summarize(job, {} if stopped or measured == "valid" else tally.summary(), stopped)
    model_path = job.settings.model_dir / contract.MODEL_FILE
    difference = export(model_path, job.trainer.preprocess, job.network, class_names, summary, job.splits["valid"])
    summary = {**summary, "artifact_logit_difference": difference, "history": job.progress.history}
    write_tables(job.settings.output_data_dir, summary, class_names, tally)
    if not job.settings.is_trial:  # of many trials few are looked at, and drawing takes a tenth of a short one's time
        write_plots(job.settings.output_data_dir, summary, class_names, tally, measured)
    print_final(summary)
    if stopped:
        print(f"Stopped as asked; start again with the same {job.settings.checkpoint_dir} to go on.", flush=True)
    print(f"Model artifact: {model_path}\nResults: {job.settings.output_data_dir}", flush=True)


def write_variants(job: Job, check: Callable[[], None]) -> None:
    """The model in fewer bits, and in metrics.json what became of it. Model and results are written before."""
    model_path, output_dir = job.settings.model_dir / contract.MODEL_FILE, job.settings.output_data_dir
    seed = job.settings.hyperparameters.seed
    try:
        trials = add_variants(model_path, job.trainer.preprocess, job.network, job.splits, seed, check)
        for trial in trials:
            print(sentence(trial), flush=True)
        metrics = json.loads((output_dir / contract.METRICS_FILE).read_text())
        write_metrics(output_dir, {**metrics, "variants": trials})
    except Stopped:
        print("Stopped as asked, before the model was tried in bf16 and int8; model.pt is complete.", flush=True)
    except Exception as error:  # a picture that is gone, a full disk, a defect: the job has its model without
        if not isinstance(error, UserError | OSError):
            traceback.print_exc()
        print(f"Trying the model in bf16 and int8 was given up; model.pt is complete. The reason: {error}", flush=True)


def summarize(job: Job, test: dict[str, float], stopped: bool) -> dict[str, Any]:
    """What the model card and metrics.json say of the run; no times or paths, so equal runs give equal cards."""
    progress, splits = job.progress, job.splits
    best = progress.history[progress.best_epoch - 1] if progress.best_epoch else {}
    return {
        "job_name": job.settings.job_name,
        "num_classes": len(splits["train"].class_names),
        "input_size": job.settings.hyperparameters.image_size,
        "precision": "fp32",
        "hyperparameters": dataclasses.asdict(job.settings.hyperparameters),
        "num_images": {name: len(channel) for name, channel in sorted(splits.items())},
        "num_unreadable": {name: len(channel.unreadable) for name, channel in sorted(splits.items())},
        "data_fingerprint": splits["train"].fingerprint,
        "epochs_trained": progress.epoch,
        "best_epoch": progress.best_epoch,
        "stopped": stopped,
        "valid": {key.removeprefix("valid_"): value for key, value in best.items() if key.startswith("valid_")},
        "test": test,
        "git_revision": os.environ.get("GIT_REVISION", "unknown"),
        "versions": versions(),
    }


def print_final(summary: dict[str, Any]) -> None:
    """The metric lines of the exported weights, last of all: the last value is the one that a tuning job takes."""
    if summary["valid"]:
        print(f"Best epoch: {summary['best_epoch']}", flush=True)
        print(contract.metric_line("Average loss", summary["valid"]["loss"]), flush=True)
        print(contract.metric_line("Accuracy", summary["valid"]["accuracy"]), flush=True)
    if summary["test"]:
        print(contract.metric_line("Test loss", summary["test"]["loss"]), flush=True)
        print(contract.metric_line("Test accuracy", summary["test"]["accuracy"]), flush=True)
