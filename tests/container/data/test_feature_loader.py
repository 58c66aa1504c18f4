import torch

from container.data.dataset import BatchSampler, ShardSampler, batches
from container.data.feature_loader import FeatureLoader

LABELS = torch.arange(10) % 3


def view(number: int) -> torch.Tensor:
    """Features (10, 2) that tell their view and their index."""
    return torch.stack([torch.full((10,), number), torch.arange(10)], dim=1).half()


def test_batches_hold_the_features_and_labels_of_the_samplers_indices() -> None:
    loader = FeatureLoader(view, LABELS, ShardSampler(10, 4, rank=0, world_size=1))
    found = list(batches(loader))
    assert [len(batch.indices) for batch in found] == [4, 4, 2]
    assert len(loader) == 3
    for batch in found:
        assert batch.images.dtype == torch.float32
        assert torch.equal(batch.images[:, 1], batch.indices.float())
        assert torch.equal(batch.labels, LABELS[batch.indices])
    assert torch.cat([batch.indices for batch in found]).tolist() == list(range(10))


def test_every_epoch_takes_the_view_and_the_order_that_the_sampler_gives_it() -> None:
    sampler = BatchSampler(10, 4, rank=0, world_size=1, accumulation_steps=1, seed=3, views=2)
    loader = FeatureLoader(view, LABELS, sampler)
    views = []
    for epoch in range(5):
        sampler.start_at(epoch)
        found = list(batches(loader))
        assert [batch.indices.tolist() for batch in found] == sampler.global_batches()
        (number,) = {int(value) for batch in found for value in batch.images[:, 0]}
        views.append(number)
    assert views == [0, 1, 0, 1, 0]


def test_an_epoch_that_was_begun_goes_on_at_its_step() -> None:
    sampler = BatchSampler(10, 4, rank=0, world_size=1, accumulation_steps=1, seed=3, views=2)
    loader = FeatureLoader(view, LABELS, sampler)
    sampler.start_at(1, 2)
    (last,) = batches(loader)
    assert last.indices.tolist() == sampler.global_batches()[2]
    assert len(loader) == 1
