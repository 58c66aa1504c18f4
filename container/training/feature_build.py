"""Settings, data and network -> the job's features, if it shall train on features."""

import math
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Sampler

from container import contract
from container.data.channels import Channel
from container.data.dataset import BatchSampler, ShardSampler, make_loader
from container.data.feature_cache import FeatureCache
from container.data.feature_file import FeatureKey
from container.data.feature_loader import FeatureLoader
from container.hyperparameters import Hyperparameters
from container.model.network import Network
from container.model.preprocess import Preprocess
from container.settings import TrainSettings
from container.training.build import make_dataset
from container.training.distributed import Group
from container.training.feature_keys import feature_key
from container.training.features import JobFeatures, Task
from container.training.optimization import choose_precision
from container.training.workers import choose_workers

BATCH_SIZE = {"cpu": 32, "cuda": 256}  # images per forward pass
BYTES_PER_FEATURE = 2


def num_views(hyperparameters: Hyperparameters) -> int:
    """Views of each train image that the job shows, as far as it may keep them; 0: a new one every epoch.

    It depends on hyperparameters alone, so that a job without room for its features ends with the same weights.
    """
    if hyperparameters.fine_tune != "head" or hyperparameters.feature_cache == "off":
        return 0
    return 1 if hyperparameters.augment == "none" else min(hyperparameters.cached_views, hyperparameters.num_epochs)


def make_features(
    settings: TrainSettings, group: Group, splits: dict[str, Channel], network: Network, weights: str, cores: int
) -> JobFeatures | None:
    """The job's features, of which none is computed yet; None where it trains on images. All processes agree.

    `weights` is the digest of the backbone's, `cores` are those of this process.
    """
    views = num_views(settings.hyperparameters)
    if views == 0:
        return None
    features = describe_features(settings, group, splits, network, weights, cores)
    if group.max(int(not _is_worth_it(settings, features, network, splits))):
        return None
    _tell(features)
    return features


def describe_features(
    settings: TrainSettings, group: Group, splits: dict[str, Channel], network: Network, weights: str, cores: int
) -> JobFeatures:
    hyperparameters, views = settings.hyperparameters, num_views(settings.hyperparameters)
    trained = choose_precision(hyperparameters.mixed_precision, group.device)
    precisions = {name: trained if name == "train" else torch.float32 for name in splits}

    def key(task: Task) -> FeatureKey:
        name, view = task
        precision = str(precisions[name]).removeprefix("torch.")
        return feature_key(hyperparameters, splits[name], weights, precision, view, augmented=name == "train")

    def images(name: str, view: int) -> DataLoader:
        batch_size = BATCH_SIZE[group.device.type]
        batch_bytes = 3 * hyperparameters.image_size**2 * batch_size
        workers = choose_workers(hyperparameters.workers, cores, batch_bytes)
        dataset = make_dataset(hyperparameters, splits[name], augmented=name == "train")
        return make_loader(dataset, ViewSampler(len(dataset), batch_size, view), workers, group.device.type == "cuda")

    return JobFeatures(
        cache=FeatureCache(
            folder=settings.features_dir,
            channel=settings.channel(contract.FEATURES_CHANNELS),
            limit_bytes=hyperparameters.feature_cache_mib * 2**20,
        ),
        keys={task: key(task) for task in tasks(splits, views)},
        images=images,
        backbone=network.backbone,
        preprocess=Preprocess(hyperparameters.image_size).to(group.device),
        precisions=precisions,
        group=group,
        num_views=views,
    )


def tasks(splits: dict[str, Channel], views: int) -> list[Task]:
    """Every view that the job needs, in the order in which it does."""
    return [("train", 0), ("valid", 0), *(("train", view) for view in range(1, views)), *_rest(splits)]


def feature_loaders(
    features: JobFeatures, splits: dict[str, Channel], sampler: BatchSampler, batch_size: int
) -> dict[str, FeatureLoader]:
    """A loader per split that gives features in the order in which make_loaders' gives images."""
    group = features.group

    def loader(name: str) -> FeatureLoader:
        shard = ShardSampler(len(splits[name]), batch_size, rank=group.rank, world_size=group.world_size)
        labels = torch.tensor(splits[name].labels)
        return FeatureLoader(lambda view: features.view(name, view), labels, sampler if name == "train" else shard)

    return {name: loader(name) for name in splits}


class ViewSampler(Sampler[list[Task]]):
    """Every example of one view once, in batches of at most `batch_size`: (view, index).

    A batch takes examples from the whole channel, that is, of all classes, so that its features are as different as
    the channel's.
    """

    def __init__(self, num_examples: int, batch_size: int, view: int) -> None:
        self.num_examples = num_examples
        self.num_batches = math.ceil(num_examples / batch_size)
        self.view = view

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:  # type: ignore[override]
        for first in range(self.num_batches):
            yield [(self.view, index) for index in range(first, self.num_examples, self.num_batches)]

    def __len__(self) -> int:
        return self.num_batches


def _rest(splits: dict[str, Channel]) -> list[Task]:
    return [(name, 0) for name in splits if name not in ("train", "valid")]


def _is_worth_it(settings: TrainSettings, features: JobFeatures, network: Network, splits: dict[str, Channel]) -> bool:
    """Whether the features fit, and are already there or will be read more than once."""
    hyperparameters, cache = settings.hyperparameters, features.cache
    has_all = all(cache.has(key) for key in features.keys.values())
    if has_all:
        return True
    if hyperparameters.feature_cache == "auto" and features.num_views >= hyperparameters.num_epochs:
        return False
    width = next(network.head.parameters()).shape[1]  # of the head's first layer's weight, (K, D)
    own = [name for (name, _), key in features.keys.items() if not cache.has_in_channel(key)]
    needed = sum(len(splits[name]) * width * BYTES_PER_FEATURE for name in own)
    try:
        fits = cache.fits(needed)
    except OSError as error:
        print(f"Features are not cached: {cache.folder} cannot be written ({error}).", flush=True)
        return False
    if not fits:
        print(
            f"Features are not cached: they take {needed / 2**20:.1f} MiB, which the disk or feature_cache_mib="
            f"{hyperparameters.feature_cache_mib} has no room for.",
            flush=True,
        )
    return fits


def _tell(features: JobFeatures) -> None:
    if not features.group.is_main:
        return
    cache, keys = features.cache, features.keys.values()
    found = sum(cache.has(key) for key in keys)
    print(f"Training the head on features: {found} of {len(keys)} views are there, in {cache.folder}.", flush=True)
    if cache.channel is not None and not any(cache.has_in_channel(key) for key in keys):
        print(
            "The channel 'features' has none of them: its features are of other images, weights or settings, or were "
            "computed by another image or at another precision.",
            flush=True,
        )
