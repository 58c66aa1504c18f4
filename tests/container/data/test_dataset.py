import functools
import operator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bench.photos import photo
from container.data import dataset
from container.data.augmentation import augmentation, augmentation_side
from container.data.channels import Channel, read_channel
from container.data.dataset import (
    BatchSampler,
    ImageDataset,
    ShardSampler,
    batches,
    make_loader,
    random_seed,
)
from container.data.decode import decode_image
from container.errors import ChannelError
from container.model.preprocess import Preprocess, decode_side
from tests.job_folder import write_class_folders

SIZE = 32


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    return read_channel("train", write_class_folders(tmp_path / "train", 4), max_corrupt_share=0)


def make_dataset(channel: Channel, augment: str, seed: int = 0) -> ImageDataset:
    return ImageDataset(channel, augmentation(augment, SIZE, Preprocess(SIZE).crop), seed)


def make_sampler(num_examples: int, batch_size: int, rank: int = 0, world: int = 1, steps: int = 1) -> BatchSampler:
    return BatchSampler(num_examples, batch_size, rank=rank, world_size=world, accumulation_steps=steps, seed=5)


def images_by_index(channel: Channel, augment: str, workers: int, epoch: int, batch_size: int) -> dict[int, Tensor]:
    sampler = make_sampler(len(channel), batch_size)
    sampler.start_at(epoch)
    loader = make_loader(make_dataset(channel, augment), sampler, workers, pin_memory=False)
    return {
        int(index): image for batch in batches(loader) for index, image in zip(batch.indices, batch.images, strict=True)
    }


@pytest.mark.parametrize("augment", ["none", "basic", "strong"])
def test_an_augmented_image_depends_on_seed_epoch_and_index_alone(channel: Channel, augment: str) -> None:
    alone = images_by_index(channel, augment, workers=0, epoch=3, batch_size=4)
    for workers, batch_size in ((1, 4), (2, 6)):
        other = images_by_index(channel, augment, workers, epoch=3, batch_size=batch_size)
        assert alone.keys() == other.keys() == set(range(12))
        assert all(torch.equal(alone[index], other[index]) for index in alone)


@pytest.mark.parametrize("augment", ["basic", "strong"])
def test_an_image_is_augmented_anew_in_every_epoch_and_for_every_seed(channel: Channel, augment: str) -> None:
    dataset = make_dataset(channel, augment)
    assert not torch.equal(dataset[0, 0][0], dataset[1, 0][0])
    assert not torch.equal(dataset[0, 0][0], make_dataset(channel, augment, seed=1)[0, 0][0])
    assert torch.equal(dataset[0, 0][0], dataset[0, 0][0])


def test_without_augmentation_an_image_is_the_evaluations_crop(channel: Channel) -> None:
    image, label, index = make_dataset(channel, "none")[7, 5]  # type: ignore[misc]
    assert torch.equal(image, Preprocess(SIZE).crop(decode_image(channel.files[5].read_bytes())))
    assert (label, index) == (channel.labels[5], 5)


@pytest.mark.parametrize("augment", ["none", "basic", "strong"])
def test_batches_are_bytes_of_the_networks_size_with_their_labels(channel: Channel, augment: str) -> None:
    loader = make_loader(make_dataset(channel, augment), make_sampler(12, 7), 0, pin_memory=False)
    for batch, expected in zip(batches(loader), (7, 5), strict=True):
        assert batch.images.shape == (expected, 3, SIZE, SIZE)
        assert batch.images.dtype == torch.uint8
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert batch.labels.tolist() == [channel.labels[index] for index in batch.indices]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("augment", ["none", "basic", "strong"])
def test_a_batch_is_its_examples_one_after_the_other(channel: Channel, augment: str, workers: int) -> None:
    data, sampler = make_dataset(channel, augment), make_sampler(12, 5)
    sampler.start_at(1)
    for batch, keys in zip(batches(make_loader(data, sampler, workers, pin_memory=False)), sampler, strict=True):
        images, labels, indices = zip(*(data[key] for key in keys), strict=True)
        assert torch.equal(batch.images, torch.stack(images))
        assert batch.labels.tolist() == list(labels)
        assert batch.indices.tolist() == list(indices)


@pytest.mark.parametrize("augment", ["basic", "strong"])
def test_a_workers_batches_lie_in_shared_memory_channels_last(channel: Channel, augment: str) -> None:
    loader = make_loader(make_dataset(channel, augment), make_sampler(12, 7), 1, pin_memory=False)
    for batch in batches(loader):
        assert batch.images.is_shared()
        assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_a_worker_writes_a_batch_into_shared_memory_and_not_into_its_own_first(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = []
    collate = dataset._collate

    def spied(examples: list[Any]) -> Any:
        batch = collate(examples)
        shared.append(batch.images.is_shared())
        return replace(batch, labels=torch.tensor(shared))

    monkeypatch.setattr(dataset, "_collate", spied)
    loader = make_loader(make_dataset(channel, "basic"), make_sampler(12, 6), 1, pin_memory=False)
    assert [batch.labels.tolist() for batch in batches(loader)] == [[True], [True, True]]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_becomes_unreadable_is_named_also_from_a_worker(channel: Channel, workers: int) -> None:
    channel.files[7].write_bytes(b"damaged since")
    loader = make_loader(make_dataset(channel, "basic"), make_sampler(12, 4), workers, pin_memory=False)
    with pytest.raises(ChannelError) as caught:
        list(batches(loader))
    assert str(caught.value).startswith(f"{channel.files[7]} was readable when the job started and is no longer: ")
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("augment", "size"), [("none", (1600, 1200)), ("basic", (1600, 1200)), ("strong", (2120, 1590))]
)
def test_large_photos_decoded_smaller_give_batches_like_those_decoded_in_full(
    tmp_path: Path, augment: str, size: tuple[int, int]
) -> None:
    for label in range(2):
        folder = tmp_path / f"class{label}"
        folder.mkdir()
        for seed in range(2):
            (folder / f"{seed}.jpg").write_bytes(photo(10 * label + seed, size))
    photos = read_channel("train", tmp_path, max_corrupt_share=0)
    crop = augmentation(augment, 224, Preprocess(224).crop)
    side = augmentation_side(augment, 224, decode_side(224))
    pairs = zip(
        *(batches(make_loader(ImageDataset(photos, crop, 0, given), make_sampler(4, 2), 0, pin_memory=False))
          for given in (0, side)),
        strict=True,
    )  # fmt: skip
    smaller = decode_image(photos.files[0].read_bytes(), side=side)
    assert smaller.shape[2] <= size[0] / 2
    for whole, small in pairs:
        assert whole.indices.tolist() == small.indices.tolist()
        # Of 255 levels; two views of one photo are 60 apart.
        assert (whole.images.float() - small.images.float()).abs().mean() < 2


def test_an_image_that_vanishes_is_named(channel: Channel) -> None:
    channel.files[0].unlink()
    loader = make_loader(make_dataset(channel, "none"), make_sampler(12, 4), 0, pin_memory=False)
    with pytest.raises(ChannelError, match=r"000\.jpg was readable"):
        list(batches(loader))


@given(
    num_examples=st.integers(2, 60),
    batch_size=st.integers(2, 64),
    world=st.integers(1, 4),
    steps=st.integers(1, 4),
    epoch=st.integers(0, 3),
)
def test_slices_of_any_number_of_processes_and_steps_make_up_each_global_batch(
    num_examples: int, batch_size: int, world: int, steps: int, epoch: int
) -> None:
    parts = []
    for rank in range(world):
        sampler = make_sampler(num_examples, batch_size, rank, world, steps)
        sampler.start_at(epoch)
        parts.append(list(sampler))
        assert len(parts[-1]) == len(sampler)
    whole = make_sampler(num_examples, batch_size, 0, world, steps)
    whole.start_at(epoch)
    for number, batch in enumerate(whole.global_batches()):
        dealt = [
            key
            for part in parts
            for key in functools.reduce(operator.iadd, part[number * steps : (number + 1) * steps], [])
        ]
        assert sorted(dealt) == sorted((epoch, index) for index in batch)


@given(per_slice=st.integers(4, 12), steps=st.integers(1, 4), world=st.integers(1, 3), extra=st.integers(0, 150))
def test_every_example_is_trained_once_an_epoch_but_for_a_last_batch_that_is_less_than_half_full(
    per_slice: int, steps: int, world: int, extra: int
) -> None:
    slices = steps * world
    batch_size = per_slice * slices
    num_examples = batch_size + extra
    samplers = [make_sampler(num_examples, batch_size, rank, world, steps) for rank in range(world)]
    parts = [part for sampler in samplers for part in sampler]
    assert all(len(part) >= 2 for part in parts)  # batch normalisation cannot take fewer
    trained = [index for part in parts for _, index in part]
    assert len(set(trained)) == len(trained)
    left_out = num_examples - len(trained)
    assert left_out == 0 or left_out == num_examples % batch_size < batch_size / 2


@given(num_examples=st.integers(24, 200), steps=st.integers(1, 3), world=st.integers(1, 2))
def test_the_examples_of_every_step_are_the_same_for_any_number_of_processes(
    num_examples: int, steps: int, world: int
) -> None:
    alone, shared = make_sampler(num_examples, 24), make_sampler(num_examples, 24, 0, world, steps)
    assert shared.global_batches() == alone.global_batches()


def test_the_order_is_another_in_every_epoch_and_the_same_in_every_run() -> None:
    def order(epoch: int) -> list[list[int]]:
        sampler = make_sampler(40, 8)
        sampler.start_at(epoch)
        return sampler.global_batches()

    assert order(0) == order(0)
    assert order(0) != order(1)


def test_a_sampler_that_starts_inside_an_epoch_gives_the_rest_of_it() -> None:
    whole, rest = make_sampler(40, 8, steps=2), make_sampler(40, 8, steps=2)
    rest.start_at(0, step=3)
    assert list(rest) == list(whole)[3 * 2 :]
    assert len(rest) == 2 * 2


@given(num_examples=st.integers(1, 100), batch_size=st.integers(1, 20), world=st.integers(1, 5))
def test_evaluation_shards_cover_each_example_once(num_examples: int, batch_size: int, world: int) -> None:
    shards = [ShardSampler(num_examples, batch_size, rank=rank, world_size=world) for rank in range(world)]
    keys = [key for shard in shards for batch in shard for key in batch]
    assert sorted(keys) == [(0, index) for index in range(num_examples)]
    assert all(len(batch) <= batch_size for shard in shards for batch in shard)
    assert all(len(list(shard)) == len(shard) for shard in shards)


def test_random_seeds_differ_by_each_of_their_parts() -> None:
    parts = [(0, "order", 0, 0), (1, "order", 0, 0), (0, "augment", 0, 0), (0, "order", 1, 0), (0, "order", 0, 1)]
    assert len({random_seed(*part) for part in parts}) == len(parts)
    assert all(0 <= random_seed(*part) < 2**63 for part in parts)
