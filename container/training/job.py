"""A training job under way: its parts, where it stands, and its checkpoints."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from container.cores import available_cores
from container.data.channels import Channel
from container.data.dataset import BatchSampler
from container.errors import CheckpointError, DivergenceError
from container.model.network import Network, OnFeatures
from container.settings import TrainSettings
from container.stop import Stopped
from container.training.build import make_loaders, make_network, make_sampler, make_trainer, slice_size
from container.training.checkpoint import load_checkpoint, refuse_other_job, save_checkpoint
from container.training.distributed import Group
from container.training.feature_build import feature_loaders, make_features, num_views
from container.training.feature_keys import weights_digest
from container.training.features import JobFeatures
from container.training.loop import ADVICE, Loader, Trainer
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
    "feature_cache",
    "feature_cache_mib",
    "cached_views",  # what it comes to is in there
    "precisions",
    "calibrate",
)


@dataclass
class Job:
    settings: TrainSettings
    group: Group
    splits: dict[str, Channel]
    network: Network  # without the wrapper for several processes
    frozen: str  # digest of the backbone's weights if they never change, else ""
    features: JobFeatures | None  # that the head is trained on; None: the network is, on images
    trainer: Trainer
    sampler: BatchSampler
    loaders: dict[str, Loader]
    progress: Progress

    @classmethod
    def start(cls, settings: TrainSettings, group: Group, splits: dict[str, Channel]) -> "Job":
        """A new job, or the one whose checkpoint lies in the checkpoint folder."""
        train = splits["train"]
        sampler = make_sampler(settings, group, train, num_views(settings.hyperparameters))
        network = make_network(settings, group, len(train.class_names))
        cores = max(1, available_cores() // settings.processes_per_host)
        frozen = weights_digest(network.backbone) if network.backbone_is_frozen else ""
        features = make_features(settings, group, splits, network, frozen, cores)
        trained: nn.Module = network if features is None else OnFeatures(network)
        trainer = make_trainer(settings, group, trained, train, len(sampler.global_batches()))
        loaders: dict[str, Loader] = {}
        if features is None:
            loaders.update(make_loaders(settings, group, splits, sampler, cores))
        else:
            loaders.update(feature_loaders(features, splits, sampler, slice_size(settings, group)))
        progress = Progress(num_classes=len(train.class_names))
        job = cls(settings, group, splits, network, frozen, features, trainer, sampler, loaders, progress)
        job._resume()
        return job

    @property
    def changing(self) -> nn.Module:
        """The part of the network that training changes: all that a checkpoint has to hold."""
        return self.network.head if self.network.backbone_is_frozen else self.network

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

    def prepare(self, split: str, view: int, check: Callable[[], None]) -> None:
        """Have the features of a view ready, where the job trains on features. `check` may raise Stopped meanwhile."""
        if self.features is None:
            return
        is_stopped = False
        with self.trainer.debugger.phase("Features", split):
            try:
                self.features.prepare(split, view, check)
            except Stopped:
                is_stopped = True
        if self.group.max(int(is_stopped)):  # all processes stop or none: the others would wait in the next step
            raise Stopped

    def save(self) -> None:
        """Write a checkpoint. Raises DivergenceError instead if the weights are of no use: the one before must stay."""
        if not all(bool(weights.isfinite().all()) for weights in self.changing.parameters()):
            raise DivergenceError(f"The weights are no finite numbers after step {self.num_steps_trained}; {ADVICE}.")
        if self.group.is_main:
            with self.trainer.debugger.phase("Checkpoint", "save"):
                state = {"identity": self._identity(), **self.progress.to_state(self.changing, self.trainer)}
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
            self.progress = Progress.from_state(outcome, self.changing, self.trainer)

    def _identity(self) -> dict[str, Any]:
        """What makes a checkpoint this job's: the data, and every hyperparameter that the weights depend on."""
        given = dataclasses.asdict(self.settings.hyperparameters)
        return {
            "fingerprint": self.splits["train"].fingerprint,
            "frozen": self.frozen,
            "views": self.sampler.views if self.settings.hyperparameters.augment != "none" else 0,  # all are one
            **{name: value for name, value in given.items() if name not in NOT_IN_CHECKPOINT},
        }
