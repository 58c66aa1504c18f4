"""Channel -> batches. Every random choice is a function of (seed, epoch, index), so any run can be resumed exactly."""

import hashlib
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from container.data.augmentation import Crop
from container.data.channels import Channel
from container.data.decode import decode_image
from container.errors import ChannelError, ImageError


@dataclass(frozen=True)
class Batch:
    images: Tensor  # (n, 3, S, S), uint8, this process's share of the batch
    labels: Tensor  # (n,), int64
    indices: Tensor  # (n,), int64, positions in the channel

    def pin_memory(self) -> "Batch":
        return Batch(self.images.pin_memory(), self.labels.pin_memory(), self.indices.pin_memory())


class ImageDataset(Dataset):
    """Examples of a channel, looked up by (epoch, index). `crop` gives every image the network's input size.

    `side` is how many pixels of an image's shorter side `crop` needs: large JPEGs are decoded at a fraction of their
    size. 0 decodes all in full.
    """

    def __init__(self, channel: Channel, crop: Crop, seed: int = 0, side: int = 0) -> None:
        self.channel = channel
        self.crop = crop
        self.seed = seed
        self.side = side

    def __len__(self) -> int:
        return len(self.channel)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int, int] | ChannelError:
        epoch, index = key
        path = self.channel.files[index]
        try:
            image = decode_image(path.read_bytes(), side=self.side)
        except (ImageError, OSError) as error:
            # Returned, not raised: a loader's process would bury the sentence in a traceback.
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            return ChannelError(
                f"{path} was readable when the job started and is no longer: {reason.rstrip('.')}; put it back as "
                "it was and start again with the same checkpoints."
            )
        # The CPU's generator alone: torch.manual_seed also notes the seed for other devices, with a stack trace.
        torch.default_generator.manual_seed(random_seed(self.seed, "augment", epoch, index))
        return self.crop(image), self.channel.labels[index], index


class BatchSampler(Sampler[list[tuple[int, int]]]):
    """This process's share of each global batch, in an order that every process knows.

    A global batch of `batch_size` examples is dealt to `world_size` processes x `accumulation_steps` slices. A last
    batch that is less than half full is dropped, however many processes there are: so all numbers of them train on
    the same examples, and no slice is left with one, which batch normalisation cannot take. With `views` the epochs
    show so many views of each example, in turn; 0: a new one every epoch.
    """

    def __init__(
        self,
        num_examples: int,
        batch_size: int,
        *,
        rank: int,
        world_size: int,
        accumulation_steps: int,
        seed: int,
        views: int = 0,
    ) -> None:
        self.num_examples = num_examples
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size
        self.accumulation_steps = accumulation_steps
        self.seed = seed
        self.views = views
        self.epoch = 0
        self.first_step = 0

    def start_at(self, epoch: int, step: int = 0) -> None:
        self.epoch, self.first_step = epoch, step

    def view_of(self, epoch: int) -> int:
        return epoch % self.views if self.views else epoch

    def global_batches(self) -> list[list[int]]:
        """Indices of every global batch of this epoch, those already trained included."""
        generator = torch.Generator().manual_seed(random_seed(self.seed, "order", self.epoch, 0))
        order = torch.randperm(self.num_examples, generator=generator).tolist()
        batches = [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]
        if len(batches) > 1 and len(batches[-1]) < self.batch_size / 2:
            batches.pop()
        return batches

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        slices = self.accumulation_steps * self.world_size
        view = self.view_of(self.epoch)
        for batch in self.global_batches()[self.first_step :]:
            for part in range(self.accumulation_steps):
                own = batch[part * self.world_size + self.rank :: slices]
                yield [(view, index) for index in own]

    def __len__(self) -> int:
        return (len(self.global_batches()) - self.first_step) * self.accumulation_steps


class ShardSampler(Sampler[list[tuple[int, int]]]):
    """For evaluation: every example once over all processes, in order, in batches of at most `batch_size`."""

    def __init__(self, num_examples: int, batch_size: int, *, rank: int, world_size: int) -> None:
        own = range(rank, num_examples, world_size)
        self.batches = [own[start : start + batch_size] for start in range(0, len(own), batch_size)]

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return ([(0, index) for index in batch] for batch in self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def make_loader(dataset: ImageDataset, sampler: Sampler, workers: int, pin_memory: bool) -> DataLoader:
    """Batches from `workers` processes; 0 decodes in this one, for machines without shared memory."""
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=pin_memory,
        worker_init_fn=_start_worker,
        persistent_workers=workers > 0,
        # Python 3.14's default start method imports torch in every worker, and leaves them behind after a kill -9.
        multiprocessing_context="fork" if workers else None,
    )


def batches(loader: Iterable[Batch | ChannelError]) -> Iterator[Batch]:
    """The loader's batches. Raises ChannelError for an image that has become unreadable."""
    for item in loader:
        if isinstance(item, ChannelError):
            raise item
        yield item


def random_seed(seed: int, purpose: str, epoch: int, position: int) -> int:
    """A 63-bit seed for one random choice, the same in every process and every run."""
    digest = hashlib.sha256(f"{seed} {purpose} {epoch} {position}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _collate(examples: list[tuple[Tensor, int, int] | ChannelError]) -> Batch | ChannelError:
    good = []
    for example in examples:
        if isinstance(example, ChannelError):
            return example
        good.append(example)
    images, labels, indices = zip(*good, strict=True)
    # As rows of pixels, which is channels-last; torch's function copies them straight into shared memory in a worker.
    batch = default_collate([image.permute(1, 2, 0) for image in images])  # (n, S, S, 3)
    return Batch(batch.permute(0, 3, 1, 2), torch.tensor(labels), torch.tensor(indices))


def _start_worker(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the training process decides
    torch.set_num_threads(1)
