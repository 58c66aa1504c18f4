"""Speeds of the parts of a training job, each by itself: the loader, the training step, the backbone's features.

A process of its own measures them: if the benchmark itself had loaded torch, servers would share its pages.
"""

import time
from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from container.cores import available_cores
from container.data.dataset import Batch, BatchSampler, batches
from container.settings import TrainSettings
from container.stop import StopRequest
from container.training import distributed
from container.training.job import Job
from container.training.metrics import Tally
from container.training.optimization import choose_backends
from container.training.splits import load_splits


def start_job() -> Job:
    """The training job of the base folder that the environment names, on this process's device."""
    settings, stop = TrainSettings.read(), StopRequest()
    group = distributed.join(settings.rank, settings.local_rank, settings.world_size, settings.network_interface)
    choose_backends(num_threads=available_cores())
    return Job.start(settings, group, load_splits(settings, group, stop.check))


def loader_speed(loader: DataLoader[Any]) -> float:
    """Images per second of one pass, with nobody who uses them."""
    started = time.perf_counter()
    num_images = sum(len(batch.labels) for batch in batches(loader))
    return num_images / (time.perf_counter() - started)


def training_speed(job: Job, batch: Batch, steps: int) -> float:
    """Images per second of the job's training loop when the next batch is always there: the same one."""
    size = len(batch.labels)
    sampler = BatchSampler(steps * size, size, rank=0, world_size=1, accumulation_steps=1, seed=0)
    tally = Tally.empty(len(job.splits["train"].class_names))
    labels, ready = batch.labels.repeat(steps), cast(DataLoader[Any], [batch] * steps)
    started = time.perf_counter()
    # The loop waits for the device at every step, so the clock sees all of the work.
    job.trainer.train_one_epoch(ready, sampler, labels, tally, lambda: False, lambda step, tally: None)
    return steps * size / (time.perf_counter() - started)


def feature_speed(job: Job, batch: Batch, passes: int) -> float:
    """Images per second of a frozen backbone that computes features, as the feature cache has it do."""
    backbone, trainer, device = job.network.backbone.eval(), job.trainer, job.group.device
    enabled = trainer.precision is not torch.float32
    started = time.perf_counter()
    with torch.inference_mode(), torch.autocast(device.type, trainer.precision, enabled=enabled):
        for _ in range(passes):
            backbone(trainer.preprocess.normalize(batch.images.to(device, non_blocking=True))).float().cpu()
    return passes * len(batch.labels) / (time.perf_counter() - started)
