"""A training job under way: its parts, where it stands, and its checkpoints."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from container.cores import available_cores
from container.data.channels import Channel
from container.data.dataset import BatchSampler
from container.errors import CheckpointError
from container.settings import TrainSettings
from container.training.build import make_loaders, make_network, make_sampler, make_trainer
from container.training.checkpoint import load_checkpoint, refuse_other_job, save_checkpoint
from container.training.distributed import Group
from container.training.loop import Trainer
from container.training.metrics import Tally
from container.training.progress import Progress

# What may differ between the job that wrote a checkpoint and the one that goes on from it.
NOT_IN_CHECKPOINT = (
    "workers",
    "checkpoint_seconds",
    "early_stopping_patience",
    "max_corrupt_share",
    "debugger",
    "rules",
)


@dataclass
class Job:
    settings: TrainSettings
    group: Group
    splits: dict[str, Channel]
    network: nn.Module  # without the wrapper for several processes
    trainer: Trainer
    sampler: BatchSampler
    loaders: dict[str, DataLoader]
    progress: Progress

    @classmethod
    def start(cls, settings: TrainSettings, group: Group, splits: dict[str, Channel]) -> "Job":
        """A new job, or the one whose checkpoint lies in the checkpoint folder."""
        train = splits["train"]
        sampler = make_sampler(settings, group, train)
        network = make_network(settings, group, len(train.class_names))
        trainer = make_trainer(settings, group, network, train, len(sampler.global_batches()))
        cores = max(1, available_cores() // settings.processes_per_host)
        loaders = make_loaders(settings, group, splits, sampler, cores)
        progress = Progress(num_classes=len(train.class_names))
        job = cls(settings, group, splits, network, trainer, sampler, loaders, progress)
        job._resume()
        return job

    @property
    def labels(self) -> Tensor:
        """Labels of the whole train channel, (N,), int64."""
        return torch.tensor(self.splits["train"].labels)

    @property
    def steps_per_epoch(self) -> int:
        return len(self.sampler.global_batches())

    @property
    def is_done(self) -> bool:
        """Whether every epoch is trained, or none has been better for as long as the patience allows."""
        hyperparameters = self.settings.hyperparameters
        patience = hyperparameters.early_stopping_patience
        if self.progress.epoch >= hyperparameters.num_epochs:
            return True
        return bool(patience) and self.progress.epochs_since_best >= patience

    def save(self) -> None:
        if self.group.is_main:
            with self.trainer.debugger.phase("Checkpoint", "save"):
                state = {"identity": self._identity(), **self.progress.to_state(self.network, self.trainer)}
                save_checkpoint(self.settings.checkpoint_dir, self.num_steps_trained, state)

    @property
    def num_steps_trained(self) -> int:
        return self.progress.epoch * self.steps_per_epoch + self.progress.step

    def save_inside_epoch(self, step: int, tally: Tally) -> None:
        self.progress.step, self.progress.tally = step, tally
        self.save()

    def _resume(self) -> None:
        outcome: dict[str, Any] | CheckpointError | None = None
        if self.group.is_main:
            try:
                outcome = load_checkpoint(self.settings.checkpoint_dir)
                if outcome is not None:
                    refuse_other_job(self.settings.checkpoint_dir, outcome["identity"], self._identity())
            except CheckpointError as error:
                outcome = error
        outcome = self.group.from_main(outcome)  # other hosts may not have the files
        if isinstance(outcome, CheckpointError):
            raise outcome
        if outcome is not None:
            self.progress = Progress.from_state(outcome, self.network, self.trainer)

    def _identity(self) -> dict[str, Any]:
        """What makes a checkpoint this job's: the data, and every hyperparameter that the weights depend on."""
        given = dataclasses.asdict(self.settings.hyperparameters)
        return {
            "fingerprint": self.splits["train"].fingerprint,
            **{name: value for name, value in given.items() if name not in NOT_IN_CHECKPOINT},
        }
