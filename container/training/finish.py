"""The end of a job: the best weights measured, exported and written down."""

import dataclasses
import json
import os
import traceback
from collections.abc import Callable
from typing import Any

from container import contract
from container.errors import TrainingError, UserError
from container.model.head import with_temperature
from container.stop import Stopped
from container.training.export import export, versions
from container.training.failure import explain
from container.training.job import Job
from container.training.measurement import NOT_MEASURED, Measurement, measured_split
from container.training.metrics import Tally
from container.training.predictions import write_predictions, write_skipped_files
from container.training.results import write_metrics, write_plots, write_tables
from container.training.variants import add_variants, remove_variants, sentence


def finish(job: Job, measured: Measurement | None, check: Callable[[], None]) -> None:
    """Write the artifacts and the results of the best weights, as they were measured; `measured` is None after a stop.

    `check` raises Stopped once a stop is asked for; it is called while the variants are made, which may then be left.
    """
    if job.group.is_main:
        write(job, measured)
        # Of many trials one is kept, which is then trained again by itself.
        if measured is not None and job.settings.hyperparameters.precisions == "auto" and not job.settings.is_trial:
            write_variants(job, check)
    job.group.wait()  # a host that leaves first may take the others down with it, as in the SDK's local mode


def write(job: Job, measured: Measurement | None, failure: str = "") -> None:
    """model.pt and its results; of a job that was stopped, or failed with a sentence, without a last measurement."""
    job.changing.load_state_dict(job.progress.weights_to_export(job.changing))
    temperature = measured.temperature if measured else NOT_MEASURED
    job.network.head = with_temperature(job.network.head, temperature.value)
    class_names = list(job.splits["train"].class_names)
    summary = summarize(job, measured)
    if failure:
        summary["failure"] = failure
    remove_variants(job.settings.model_dir)
    model_path = job.settings.model_dir / contract.MODEL_FILE
    difference = export(model_path, job.trainer.preprocess, job.network, class_names, summary, job.splits["valid"])
    summary = {**summary, "artifact_logit_difference": difference, "history": job.progress.history}
    write_results(job, summary, class_names, measured)
    print(f"Temperature: {temperature.value:g}, as {temperature.reason}.", flush=True)
    print_final(summary)
    if measured is None and not failure:
        print(f"Stopped as asked; start again with the same {job.settings.checkpoint_dir} to go on.", flush=True)
    print(f"Model artifact: {model_path}\nResults: {job.settings.output_data_dir}", flush=True)


def write_results(job: Job, summary: dict[str, Any], class_names: list[str], measured: Measurement | None) -> None:
    folder, data_dir = job.settings.output_data_dir, job.settings.base_dir / "input" / "data"
    tally = measured.tally if measured else Tally.empty(len(class_names))
    try:
        write_tables(folder, summary, class_names, tally)
        write_predictions(folder, data_dir, job.splits, measured.logits if measured else {}, summary["temperature"])
        write_skipped_files(folder, data_dir, job.splits)
    except OSError as error:
        raise TrainingError(
            f"The results cannot be written to {folder}: {error.strerror}; free or enlarge the disk and start again "
            "with the same checkpoints. model.pt is complete."
        ) from error
    if job.settings.is_trial:  # of many trials few are looked at, and drawing takes a tenth of a short one's time
        return
    try:
        write_plots(folder, summary, class_names, tally, measured_split(job))
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


def summarize(job: Job, measured: Measurement | None) -> dict[str, Any]:
    """What the model card and metrics.json say of the run; no times or paths, so equal runs give equal cards.

    `valid` and `test` are of the exported model, its temperature included; the history is of the network in training.
    """
    progress, splits = job.progress, job.splits
    best = progress.history[progress.best_epoch - 1] if progress.best_epoch else {}
    valid = {key.removeprefix("valid_"): value for key, value in best.items() if key.startswith("valid_")}
    test = measured.tally.summary() if measured and measured.split == "test" else {}
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
        "stopped": measured is None,
        "valid": measured.calibrated("valid", valid) if measured else valid,
        "test": measured.calibrated("test", test) if measured else test,
        "temperature": measured.temperature.value if measured else NOT_MEASURED.value,
        "calibration": measured.calibration() if measured else {"reason": NOT_MEASURED.reason},
        "git_revision": os.environ.get("GIT_REVISION", "unknown"),
        "versions": versions(),
    }


def print_final(summary: dict[str, Any]) -> None:
    """The metric lines of the exported model, last of all: the last value is the one that a tuning job takes.

    With a temperature its losses are lower than those of the epoch that it comes from. A tuning job's trials have none,
    so that its objective compares networks as they were trained, at each epoch and at the end alike.
    """
    if summary["valid"]:
        print(f"Best epoch: {summary['best_epoch']}", flush=True)
        print(contract.metric_line("Average loss", summary["valid"]["loss"]), flush=True)
        print(contract.metric_line("Accuracy", summary["valid"]["accuracy"]), flush=True)
    if summary["test"]:
        print(contract.metric_line("Test loss", summary["test"]["loss"]), flush=True)
        print(contract.metric_line("Test accuracy", summary["test"]["accuracy"]), flush=True)
