"""A job that is about to train -> the debugger that watches it."""

import dataclasses

import psutil
import torch

from container.cores import available_cores
from container.debugger.profiler_rules.job import JobFacts
from container.debugger.smdebug_setup import set_environment
from container.training.job import Job


def start_debugging(job: Job) -> None:
    """Give the job's trainer its debugger. Raises SettingsError for what a person has to mend."""
    set_environment()
    from container.debugger.start import start_debugger  # smdebug reads the environment when it is imported

    trainer, eval_batches = job.trainer, len(job.loaders["valid"])
    trainer.debugger = start_debugger(
        job.settings,
        job.trainer.unwrapped,
        losses=[trainer.criterion, trainer.eval_criterion],
        gradient_scale=trainer.scaler.get_scale,
        steps_per_epoch=job.steps_per_epoch,
        eval_batches=eval_batches,
        trained=(job.num_steps_trained, job.progress.epoch * eval_batches),
        facts=describe(job),
        wait=job.group.wait,
    )


def describe(job: Job) -> JobFacts:
    hyperparameters = job.settings.hyperparameters
    return JobFacts(
        workers=job.loaders["train"].num_workers,
        cores=available_cores(),
        batch_size=hyperparameters.batch_size,
        image_size=hyperparameters.image_size,
        num_gpus=torch.cuda.device_count(),
        started=psutil.Process().create_time(),
        hyperparameters=dataclasses.asdict(hyperparameters),
    )
