"""Settings and data -> the objects that train: network, optimizer, sampler, loaders."""

import warnings

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from container import contract
from container.data.augmentation import augmentation, augmentation_side
from container.data.channels import Channel
from container.data.dataset import BatchSampler, ImageDataset, ShardSampler, make_loader, random_seed
from container.errors import SettingsError
from container.hyperparameters import Hyperparameters
from container.model.backbone import make_backbone
from container.model.network import Network
from container.model.preprocess import Preprocess, decode_side
from container.settings import TrainSettings
from container.training.distributed import Group
from container.training.loop import Trainer
from container.training.optimization import choose_precision, class_weights, learning_rate_factor, make_optimizer
from container.training.workers import choose_workers


def make_network(settings: TrainSettings, group: Group, num_classes: int) -> Network:
    """The network on this process's device, with the same weights in every process."""
    hyperparameters = settings.hyperparameters
    torch.manual_seed(random_seed(hyperparameters.seed, "weights", 0, 0))
    if group.local_rank > 0:
        group.wait()  # the first process of each host downloads for all
    backbone, num_features = make_backbone(
        hyperparameters.backbone,
        hyperparameters.image_size,
        hyperparameters.pretrained,
        settings.channel(contract.PRETRAINED_CHANNELS),
    )
    if group.local_rank == 0:
        group.wait()
    network = Network(backbone, num_features, num_classes, hyperparameters.head, hyperparameters.fine_tune)
    return network.to(group.device).to(memory_format=torch.channels_last)


def make_trainer(
    settings: TrainSettings, group: Group, network: nn.Module, train: Channel, steps_per_epoch: int
) -> Trainer:
    hyperparameters = settings.hyperparameters
    weights = class_weights(hyperparameters.class_weights, list(train.counts().values()), group.device)
    factor = learning_rate_factor(
        hyperparameters.lr_schedule,
        warmup_steps=round(hyperparameters.warmup_epochs * steps_per_epoch),
        total_steps=hyperparameters.num_epochs * steps_per_epoch,
    )
    return Trainer(
        network=network if group.world_size == 1 else _wrap(network),
        preprocess=Preprocess(hyperparameters.image_size).to(group.device),
        optimizer=make_optimizer(
            hyperparameters.optimizer, network.parameters(), hyperparameters.learning_rate, hyperparameters.weight_decay
        ),
        criterion=nn.CrossEntropyLoss(weight=weights, label_smoothing=hyperparameters.label_smoothing),
        class_weights=weights,
        learning_rate=lambda step: hyperparameters.learning_rate * factor(step),
        precision=choose_precision(hyperparameters.mixed_precision, group.device),
        group=group,
        seed=hyperparameters.seed,
        accumulation_steps=hyperparameters.accumulation_steps,
        checkpoint_seconds=hyperparameters.checkpoint_seconds,
    )


def _wrap(network: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        # torch 2.14 renames the option; 2.13, which the AWS base has, knows the old name only.
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        # Running statistics are averaged before each evaluation instead of being sent at every step.
        return DistributedDataParallel(network, broadcast_buffers=False)


def make_sampler(settings: TrainSettings, group: Group, train: Channel, views: int = 0) -> BatchSampler:
    """The order of the train channel's images; `views` is BatchSampler's."""
    hyperparameters = settings.hyperparameters
    slices = group.world_size * hyperparameters.accumulation_steps
    # Batch normalisation needs two images in every slice, of a last batch that is half full too.
    if hyperparameters.batch_size < 4 * slices or len(train) < 2 * slices:
        raise SettingsError(
            f"batch_size={hyperparameters.batch_size} of {len(train)} train images cannot be dealt to "
            f"{group.world_size} processes x accumulation_steps={hyperparameters.accumulation_steps}: "
            f"raise batch_size to {4 * slices} or more, lower accumulation_steps, or add images."
        )
    return BatchSampler(
        len(train),
        hyperparameters.batch_size,
        rank=group.rank,
        world_size=group.world_size,
        accumulation_steps=hyperparameters.accumulation_steps,
        seed=hyperparameters.seed,
        views=views,
    )


def slice_size(settings: TrainSettings, group: Group) -> int:
    """Images of one forward pass of one process."""
    hyperparameters = settings.hyperparameters
    return max(1, hyperparameters.batch_size // (group.world_size * hyperparameters.accumulation_steps))


def make_dataset(hyperparameters: Hyperparameters, channel: Channel, *, augmented: bool) -> ImageDataset:
    """The channel's images as the network takes them, cropped on the CPU whatever the network's device."""
    size = hyperparameters.image_size
    crop, side = Preprocess(size).crop, decode_side(size)
    if not augmented:
        return ImageDataset(channel, crop, side=side)
    view = augmentation(hyperparameters.augment, size, crop)
    side = augmentation_side(hyperparameters.augment, size, side)
    return ImageDataset(channel, view, hyperparameters.seed, side)


def make_loaders(
    settings: TrainSettings, group: Group, splits: dict[str, Channel], sampler: BatchSampler, cores: int
) -> dict[str, DataLoader]:
    """A loader per split: `train` in the sampler's order with augmentation, the others in order without."""
    hyperparameters, batch_size = settings.hyperparameters, slice_size(settings, group)
    workers = choose_workers(hyperparameters.workers, cores, batch_bytes=3 * hyperparameters.image_size**2 * batch_size)
    loaders = {}
    for name, channel in splits.items():
        shard = ShardSampler(len(channel), batch_size, rank=group.rank, world_size=group.world_size)
        dataset = make_dataset(hyperparameters, channel, augmented=name == "train")
        order = sampler if name == "train" else shard
        loaders[name] = make_loader(dataset, order, workers, pin_memory=group.device.type == "cuda")
    return loaders
