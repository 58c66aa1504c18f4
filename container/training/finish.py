"""The end of a job: the best weights measured, exported and written down."""

import dataclasses
import json
import os
import traceback
from collections.abc import Callable
from typing import Any

from container import contract
from container.errors import TrainingError, UserError
from container.stop import Stopped, StopRequest
from container.training.export import export, versions
from container.training.failure import explain
from container.training.job import Job
from container.training.metrics import Tally
from container.training.results import write_metrics, write_plots, write_tables
from container.training.variants import add_variants, remove_variants, sentence


def measure(job: Job, stop: StopRequest) -> Tally:
    """The best weights, which the network has from here on, on the test channel, or else the valid one.

    Raises Stopped, as the time left after a stop is for the artifact.
    """
    job.changing.load_state_dict(job.progress.weights_to_export(job.changing))
    split = measured_split(job)
    job.prepare(split, 0, stop.check)
    return job.trainer.evaluate(job.loaders[split], lambda: stop.is_set)


def finish(job: Job, tally: Tally | None, check: Callable[[], None]) -> None:
    """Write the artifacts and the results of the best weights. `tally` is what `measure` returned; None after a stop.

    `check` raises Stopped once a stop is asked for; it is called while the variants are made, which may then be left.
    """
    if job.group.is_main:
        write(job, tally)
        # Of many trials one is kept, which is then trained again by itself.
        if tally is not None and job.settings.hyperparameters.precisions == "auto" and not job.settings.is_trial:
            write_variants(job, check)
    job.group.wait()  # a host that leaves first may take the others down with it, as in the SDK's local mode


def measured_split(job: Job) -> str:
    return "test" if "test" in job.splits else "valid"


def write(job: Job, tally: Tally | None, failure: str = "") -> None:
    """model.pt and its results; of a job that was stopped, or failed with a sentence, without a last measurement."""
    job.changing.load_state_dict(job.progress.weights_to_export(job.changing))
    class_names, measured = list(job.splits["train"].class_names), measured_split(job)
    stopped = tally is None
    summary = summarize(job, tally.summary() if tally is not None and measured == "test" else {}, stopped)
    if failure:
        summary["failure"] = failure
    remove_variants(job.settings.model_dir)
    model_path = job.settings.model_dir / contract.MODEL_FILE
    difference = export(model_path, job.trainer.preprocess, job.network, class_names, summary, job.splits["valid"])
    summary = {**summary, "artifact_logit_difference": difference, "history": job.progress.history}
    write_results(job, summary, class_names, tally or Tally.empty(len(class_names)), measured)
    print_final(summary)
    if stopped and not failure:
        print(f"Stopped as asked; start again with the same {job.settings.checkpoint_dir} to go on.", flush=True)
    print(f"Model artifact: {model_path}\nResults: {job.settings.output_data_dir}", flush=True)


def write_results(job: Job, summary: dict[str, Any], class_names: list[str], tally: Tally, measured: str) -> None:
    folder = job.settings.output_data_dir
    try:
        write_tables(folder, summary, class_names, tally)
    except OSError as error:
        raise TrainingError(
            f"The results cannot be written to {folder}: {error.strerror}; free or enlarge the disk and start again "
            "with the same checkpoints. model.pt is complete."
        ) from error
    if job.settings.is_trial:  # of many trials few are looked at, and drawing takes a tenth of a short one's time
        return
    try:
        write_plots(folder, summary, class_names, tally, measured)
    except OSError as error:
        print(
            f"The pictures cannot be written to {folder} ({error.strerror}); metrics.json has the numbers.", flush=True
        )


def keep_best(job: Job, error: Exception) -> None:
    """Write the model of the best epoch so far of a job that fails, and have its failure say so."""
    if not job.group.is_main:
        return
    if not job.progress.best_epoch:
        error.add_note("No epoch had ended before, so there is no model.")
        return
    name = f"the best epoch so far, {job.progress.best_epoch} of {job.settings.hyperparameters.num_epochs}"
    try:
        write(job, None, failure=explain(error, job.settings))
    except (UserError, OSError, RuntimeError, MemoryError) as second:  # the failure itself is what a person must read
        error.add_note(f"The model of {name}, cannot be written either: {second}")
    else:
        error.add_note(f"model.pt is that of {name}.")


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
