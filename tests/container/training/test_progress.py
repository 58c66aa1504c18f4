import math
from pathlib import Path

import torch
from torch import nn

from container.model.preprocess import Preprocess
from container.training.checkpoint import load_checkpoint, save_checkpoint
from container.training.distributed import Group
from container.training.loop import Trainer
from container.training.metrics import Tally
from container.training.progress import Progress


def make_trainer(network: nn.Module) -> Trainer:
    return Trainer(
        network=network,
        preprocess=Preprocess(32),
        optimizer=torch.optim.Adam(network.parameters(), 0.1),
        criterion=nn.CrossEntropyLoss(),
        class_weights=torch.ones(2),
        learning_rate=lambda step: 0.1,
        precision=torch.float32,
        group=Group(0, 0, 1, torch.device("cpu")),
        seed=0,
        accumulation_steps=1,
        checkpoint_seconds=1,
    )


def take_a_step(trainer: Trainer) -> None:
    trainer.network(torch.ones(1, 2)).sum().backward()
    trainer.optimizer.step()
    trainer.optimizer.zero_grad()


def test_the_best_weights_are_those_of_the_lowest_validation_loss() -> None:
    network, progress = nn.Linear(2, 2), Progress(num_classes=2)
    for epoch, valid_loss in enumerate([0.9, 0.4, 0.6, 0.4, math.nan], start=1):
        nn.init.constant_(network.weight, epoch)
        progress.end_epoch({"valid_loss": valid_loss}, network)
    assert (progress.best_epoch, progress.best_loss) == (2, 0.4)  # the first of two equal ones; NaN is never best
    assert (progress.best_weights["weight"] == 2).all()
    assert (progress.weights_to_export(network)["weight"] == 2).all()
    assert progress.epochs_since_best == 3
    assert [record["valid_loss"] for record in progress.history[:3]] == [0.9, 0.4, 0.6]


def test_before_the_first_epoch_ends_the_weights_of_now_are_exported() -> None:
    network = nn.Linear(2, 2)
    assert torch.equal(Progress(num_classes=2).weights_to_export(network)["weight"], network.weight)


def test_an_epochs_end_starts_the_next_one_with_empty_sums() -> None:
    progress = Progress(num_classes=2)
    progress.step, progress.tally = 3, Tally(1.0, 2.0, 1, torch.ones(2, 2, dtype=torch.int64))
    progress.end_epoch({"valid_loss": 1.0}, nn.Linear(2, 2))
    assert (progress.epoch, progress.step, progress.tally.num_examples) == (1, 0, 0)


def test_a_job_goes_on_from_a_file_exactly_where_it_was(tmp_path: Path) -> None:
    network = nn.Linear(2, 2)
    trainer, progress = make_trainer(network), Progress(num_classes=2)
    take_a_step(trainer)
    progress.end_epoch({"valid_loss": 0.5, "train_loss": 0.25}, network)
    take_a_step(trainer)
    progress.step, progress.tally = 1, Tally(0.1, 3.0, 2, torch.tensor([[1, 0], [1, 1]]))
    save_checkpoint(tmp_path, 1, progress.to_state(network, trainer))

    other = nn.Linear(2, 2)
    other_trainer = make_trainer(other)
    state = load_checkpoint(tmp_path)
    assert state is not None
    resumed = Progress.from_state(state, other, other_trainer)
    assert (resumed.epoch, resumed.step, resumed.best_epoch, resumed.best_loss) == (1, 1, 1, 0.5)
    assert resumed.history == progress.history
    assert torch.equal(resumed.tally.to_tensor(), progress.tally.to_tensor())
    assert torch.equal(resumed.best_weights["weight"], progress.best_weights["weight"])
    take_a_step(trainer)
    take_a_step(other_trainer)  # Adam's moments came along: the next step is the same
    assert torch.equal(network.weight, other.weight)
