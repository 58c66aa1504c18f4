from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from container.data.augmentation import augmentation
from container.data.channels import Channel, read_channel
from container.data.dataset import BatchSampler, ImageDataset, ShardSampler, batches, make_loader
from container.errors import DivergenceError, TrainingError
from container.model.preprocess import Preprocess
from container.stop import Stopped
from container.training import loop
from container.training.distributed import Group
from container.training.loop import Trainer
from container.training.metrics import Tally
from tests.job_folder import write_class_folders

SIZE = 32
NUM_CLASSES = 3
GROUP = Group(0, 0, 1, torch.device("cpu"))
UNEVEN_WEIGHTS = torch.tensor([0.5, 1.0, 1.5])


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Channel:
    """17 pictures: with batches of 10 the last one is short, and its two slices are of unequal sizes."""
    root = write_class_folders(tmp_path_factory.mktemp("data"), {"001.Red": 8, "002.Green": 6, "003.Blue": 3})
    return read_channel("train", root, max_corrupt_share=0)


def make_network(*, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(dropout), nn.Linear(48, NUM_CLASSES))


def make_trainer(network: nn.Module, **changes: Any) -> Trainer:
    weights = changes.pop("class_weights", torch.ones(NUM_CLASSES))
    smoothing = changes.pop("label_smoothing", 0.0)
    given: dict[str, Any] = {
        "network": network,
        "preprocess": Preprocess(SIZE),
        "optimizer": torch.optim.SGD(network.parameters(), 0.1, momentum=0.9),
        "criterion": nn.CrossEntropyLoss(weight=weights, label_smoothing=smoothing),
        "class_weights": weights,
        "learning_rate": lambda step: 0.1,
        "precision": torch.float32,
        "group": GROUP,
        "seed": 0,
        "accumulation_steps": 1,
        "checkpoint_seconds": 1e9,
    }
    return Trainer(**{**given, **changes})


def train(
    trainer: Trainer,
    channel: Channel,
    *,
    batch_size: int = 10,
    epoch: int = 0,
    step: int = 0,
    tally: Tally | None = None,
    stop_requested: Callable[[], bool] = lambda: False,
    save: Callable[[int, Tally], None] = lambda step, tally: None,
) -> Tally:
    sampler = BatchSampler(
        len(channel), batch_size, rank=0, world_size=1, accumulation_steps=trainer.accumulation_steps, seed=0
    )
    sampler.start_at(epoch, step)
    dataset = ImageDataset(channel, augmentation("none", SIZE, Preprocess(SIZE).crop))
    loader = make_loader(dataset, sampler, 0, pin_memory=False)
    labels = torch.tensor(channel.labels)
    return trainer.train_one_epoch(loader, sampler, labels, tally or Tally.empty(NUM_CLASSES), stop_requested, save)


def first_batch(channel: Channel, batch_size: int = 10) -> tuple[Tensor, Tensor]:
    sampler = BatchSampler(len(channel), batch_size, rank=0, world_size=1, accumulation_steps=1, seed=0)
    dataset = ImageDataset(channel, Preprocess(SIZE).crop)
    batch = next(batches(make_loader(dataset, sampler, 0, pin_memory=False)))
    return Preprocess(SIZE).normalize(batch.images), batch.labels


def weights_of(network: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(network.parameters()).detach()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("class_weights", [torch.ones(3), UNEVEN_WEIGHTS])
def test_accumulation_gives_the_weights_of_whole_batches(
    channel: Channel, smoothing: float, class_weights: Tensor
) -> None:
    results = {}
    for steps in (1, 2):
        network = make_network()
        trainer = make_trainer(
            network, accumulation_steps=steps, class_weights=class_weights, label_smoothing=smoothing
        )
        tally = [train(trainer, channel, epoch=epoch) for epoch in range(3)][-1]
        results[steps] = weights_of(network), tally
    assert torch.allclose(results[1][0], results[2][0], atol=1e-6)
    assert results[1][1].loss == pytest.approx(results[2][1].loss, abs=1e-6)
    assert torch.equal(results[1][1].confusion, results[2][1].confusion)
    assert results[2][1].num_examples == 17


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_steps_loss_and_gradient_are_those_of_torchs_own_weighted_mean(channel: Channel, steps: int) -> None:
    options: dict[str, Any] = {"class_weights": UNEVEN_WEIGHTS, "label_smoothing": 0.1}
    images, labels = first_batch(channel, batch_size=16)
    expected_network = make_network()
    criterion = nn.CrossEntropyLoss(weight=UNEVEN_WEIGHTS, label_smoothing=0.1)
    loss = criterion(expected_network(images), labels)
    loss.backward()
    torch.optim.SGD(expected_network.parameters(), 0.1).step()

    network = make_network()
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    trainer = make_trainer(network, accumulation_steps=steps, optimizer=optimizer, **options)
    tally = train(trainer, channel, batch_size=16)  # the 17th picture makes no batch by itself
    assert tally.num_examples == 16
    assert tally.loss == pytest.approx(loss.item(), abs=1e-6)
    assert torch.allclose(weights_of(network), weights_of(expected_network), atol=1e-6)


def test_batches_reach_the_network_as_floats_in_the_layout_that_they_were_collated_in(channel: Channel) -> None:
    network = make_network()
    seen: list[tuple[torch.dtype, bool]] = []

    def look(module: nn.Module, inputs: tuple[Tensor]) -> None:
        seen.append((inputs[0].dtype, inputs[0].is_contiguous(memory_format=torch.channels_last)))

    network.register_forward_pre_hook(look)
    trainer = make_trainer(network)
    train(trainer, channel)
    evaluate(trainer, channel)
    assert set(seen) == {(torch.float32, True)}


def test_training_lowers_the_loss(channel: Channel) -> None:
    trainer = make_trainer(make_network(), learning_rate=lambda step: 0.02)
    losses = [train(trainer, channel, epoch=epoch).loss for epoch in range(5)]
    assert losses[-1] < losses[0] / 2


def test_a_loss_that_is_no_number_ends_training_with_what_to_do(channel: Channel) -> None:
    trainer = make_trainer(make_network(), learning_rate=lambda step: 1e38)
    with pytest.raises(TrainingError, match=r"The training loss is (nan|inf) at step \d+; lower learning_rate"):
        train(trainer, channel, batch_size=3)


def test_a_loss_that_is_no_number_changes_no_weight_and_is_written_to_no_checkpoint(channel: Channel) -> None:
    network, saved = make_network(), []
    trainer = make_trainer(network, criterion=NoNumber(), checkpoint_seconds=-1)
    before = weights_of(network)
    with pytest.raises(DivergenceError, match="The training loss is nan at step 0"):
        train(trainer, channel, save=lambda step, tally: saved.append(step))
    assert torch.equal(weights_of(network), before)
    assert saved == []


@pytest.mark.parametrize("part", [0, 1])
def test_every_slice_of_a_batch_is_looked_at(channel: Channel, part: int) -> None:
    trainer = make_trainer(make_network(), criterion=NoNumber(part), accumulation_steps=2)
    with pytest.raises(DivergenceError):
        train(trainer, channel)


class NoNumber(nn.Module):
    """A criterion whose value is no number at one call, counted from 0."""

    def __init__(self, call: int = 0) -> None:
        super().__init__()
        self.calls = iter(range(100))
        self.call = call

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss = nn.functional.cross_entropy(logits, labels)
        return loss * torch.nan if next(self.calls) == self.call else loss


def test_bf16_trains_on_a_cpu_and_keeps_float32_weights(channel: Channel) -> None:
    network = make_network()
    seen = []
    network[3].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    trainer = make_trainer(network, precision=torch.bfloat16, learning_rate=lambda step: 0.02)
    losses = [train(trainer, channel, epoch=epoch).loss for epoch in range(5)]
    assert set(seen) == {torch.bfloat16}
    assert losses[-1] < losses[0] / 2
    assert all(parameter.dtype is torch.float32 for parameter in network.parameters())


def test_dropout_depends_on_seed_and_step_alone(channel: Channel) -> None:
    results = []
    for noise in (1, 2):
        network = make_network(dropout=0.5)
        torch.manual_seed(noise)
        train(make_trainer(network), channel)
        results.append(weights_of(network))
    other = make_network(dropout=0.5)
    train(make_trainer(other, seed=1), channel)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], weights_of(other))


def test_an_epoch_that_goes_on_from_its_middle_ends_as_one_in_one_go(channel: Channel) -> None:
    whole, parts = make_network(dropout=0.5), make_network(dropout=0.5)
    expected = train(make_trainer(whole), channel, batch_size=4)
    trainer, saved = make_trainer(parts), {}
    with pytest.raises(Stopped):
        train(trainer, channel, batch_size=4, stop_requested=lambda: True, save=saved.__setitem__)
    ((step, tally),) = saved.items()
    assert step == 1
    finished = train(trainer, channel, batch_size=4, step=step, tally=tally)
    assert torch.equal(weights_of(whole), weights_of(parts))
    assert torch.equal(finished.to_tensor(), expected.to_tensor())


def test_a_stop_writes_a_checkpoint_after_the_step_under_way(channel: Channel) -> None:
    answers, saved = iter([False, False, True]), []
    with pytest.raises(Stopped):
        train(
            make_trainer(make_network()),
            channel,
            batch_size=4,
            stop_requested=lambda: next(answers),
            save=lambda step, tally: saved.append((step, tally.num_examples)),
        )
    assert saved == [(3, 12)]


def test_checkpoints_inside_an_epoch_come_when_they_are_due(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(100))  # a clock on which each step takes a second
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    saved: list[int] = []
    trainer = make_trainer(make_network(), checkpoint_seconds=1)
    train(trainer, channel, batch_size=3, save=lambda step, tally: saved.append(step))
    assert saved == [2, 4, 6]


def test_the_learning_rate_follows_the_steps_counted_over_all_epochs(channel: Channel) -> None:
    asked: list[int] = []
    trainer = make_trainer(make_network(), learning_rate=lambda step: asked.append(step) or 0.01)
    for epoch in (0, 1):
        train(trainer, channel, batch_size=8, epoch=epoch)  # 8, 8; the last picture is left out
    assert asked == [0, 1, 2, 3]
    assert trainer.optimizer.param_groups[0]["lr"] == 0.01


def evaluate(trainer: Trainer, channel: Channel, **options: Any) -> Tally:
    dataset = ImageDataset(channel, Preprocess(SIZE).crop)
    loader = make_loader(dataset, ShardSampler(len(channel), 5, rank=0, world_size=1), 0, pin_memory=False)
    return trainer.evaluate(loader, **options)


def test_evaluation_is_the_plain_mean_cross_entropy_in_eval_mode(channel: Channel) -> None:
    network = make_network(dropout=0.9)
    trainer = make_trainer(network.train(), class_weights=UNEVEN_WEIGHTS, label_smoothing=0.3, precision=torch.bfloat16)
    tally = evaluate(trainer, channel)
    dataset = ImageDataset(channel, Preprocess(SIZE).crop)
    images = torch.stack([dataset[0, index][0] for index in range(len(channel))])  # type: ignore[index]
    with torch.inference_mode():
        logits = network.eval()(Preprocess(SIZE).normalize(images))
    labels = torch.tensor(channel.labels)
    assert tally.loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), abs=1e-6)
    assert tally.accuracy == pytest.approx((logits.argmax(1) == labels).double().mean().item())
    assert tally.num_examples == 17


def test_evaluation_changes_nothing_and_can_be_stopped(channel: Channel) -> None:
    network = nn.Sequential(nn.BatchNorm2d(3), make_network())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    evaluate(make_trainer(network), channel)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())

    with pytest.raises(Stopped):
        evaluate(make_trainer(network), channel, stop_requested=lambda: True)


def test_fp16_scales_the_loss_and_no_other_precision_does() -> None:
    assert not make_trainer(make_network(), precision=torch.bfloat16).scaler.is_enabled()
    assert not make_trainer(make_network(), precision=torch.float32).scaler.is_enabled()
