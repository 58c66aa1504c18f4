"""The files of a run's channels, each read once: its size, its fingerprint, or why it is no image."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import torch
from tqdm import tqdm

from container import contract
from container.cores import available_cores
from container.data.channel_files import class_folders, image_files, named_errors
from container.data.channels import Channel, split_channel, split_roots
from container.data.decode import decode_image
from container.errors import ChannelError, ImageError
from local_test.opt_ml import Run, find_channels
from local_test.report.fingerprint import Fingerprint, fingerprint

T = TypeVar("T")
R = TypeVar("R")
SPLITS = {"train": contract.TRAIN_CHANNELS, "valid": contract.VALID_CHANNELS, "test": contract.TEST_CHANNELS}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A file of a channel. `path` is below input/data, as in predictions.csv; `reason` says why it is no image."""

    file: Path
    path: str
    split: str
    label: str
    num_bytes: int = 0
    width: int = 0
    height: int = 0
    looks: Fingerprint | None = None
    reason: str = ""


def find_pictures(root: Path, data: Path | None, valid_share: float) -> list[Picture]:
    """The files of the run's channels, or of those in the folder `data`, none of them read yet.

    Empty if the run's folder has no images, as after a job in a container, to which they were mounted. Raises
    ChannelError if `data` has none, or a folder cannot be read.
    """
    channels = find_channels(data) if data else _channels(Run(root).channels_dir)
    folders = {split: next((channels[n] for n in names if n in channels), None) for split, names in SPLITS.items()}
    if folders["train"] is None:
        return []
    roots = split_roots(folders["train"], folders["valid"], folders["test"])
    found = {split: list(_listed(split, folder, channels)) for split, folder in roots.items()}
    if "valid" not in found:
        found |= _without_valid(found["train"], roots["train"], valid_share)
    return [picture for split in SPLITS for picture in found.get(split, [])]


def read_pictures(pictures: Sequence[Picture]) -> list[Picture]:
    """The same, each read and decoded as the job does it, on all cores."""
    return list(in_processes(read_picture, pictures, "looking at images"))


def read_picture(picture: Picture) -> Picture:
    if picture.looks or picture.reason:  # read before, to split a valid channel off
        return picture
    try:
        body = picture.file.read_bytes()
    except OSError as error:
        return replace(picture, reason=f"cannot be read: {error.strerror}")
    try:
        image = decode_image(body)
    except ImageError as error:
        return replace(picture, num_bytes=len(body), reason=str(error))
    _, height, width = image.shape
    return replace(picture, num_bytes=len(body), width=width, height=height, looks=fingerprint(body, image))


def in_processes(work: Callable[[T], R], items: Sequence[T], what: str) -> Iterator[R]:
    """What `work` makes of each item, in their order, on all cores, with a bar on a terminal."""
    progress: Callable[[Iterable[R]], Iterable[R]] = partial(
        tqdm, total=len(items), desc=what, unit="image", disable=None, leave=False
    )
    cores = available_cores()
    if cores == 1 or len(items) < 64:  # starting processes would take longer
        yield from progress(map(work, items))
        return
    pool = ProcessPoolExecutor(cores, mp_context=get_context("fork"), initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from progress(pool.map(work, items, chunksize=16))
    finally:
        pool.shutdown(cancel_futures=True)  # whoever has seen enough does not wait for the rest


def _channels(folder: Path) -> dict[str, Path]:
    """Channels that hold class folders: a job in a container leaves empty ones behind."""
    if not folder.is_dir():
        return {}
    with named_errors(folder.name):
        return {path.name: path for path in sorted(folder.iterdir()) if class_folders(path)}


def _listed(split: str, folder: Path, channels: dict[str, Path]) -> Iterator[Picture]:
    name, root = next((name, root) for name, root in channels.items() if folder.is_relative_to(root))
    with named_errors(name):
        for class_folder in class_folders(folder):
            for file in image_files(class_folder):
                path = f"{name}/{file.relative_to(root).as_posix()}"
                yield Picture(file=file, path=path, split=split, label=class_folder.name)


def _without_valid(pictures: list[Picture], root: Path, share: float) -> dict[str, list[Picture]]:
    """Train and valid parts of a train channel, by the rule of the job, which knows readable images only."""
    pictures = read_pictures(pictures)
    readable = [picture for picture in pictures if not picture.reason]
    names = tuple(sorted({picture.label for picture in pictures}))
    channel = Channel(
        name="train",
        root=root,
        class_names=names,
        files=tuple(picture.file for picture in readable),
        labels=tuple(names.index(picture.label) for picture in readable),
        unreadable=(),
        fingerprint="",
        digests=(b"",) * len(readable),
    )
    try:
        chosen = set(split_channel(channel, share)[1].files)
    except ChannelError:  # too few images: there was no such run
        chosen = set()
    parts: dict[str, list[Picture]] = {"train": [], "valid": []}
    for picture in pictures:
        split = "valid" if picture.file in chosen else "train"
        parts[split].append(replace(picture, split=split))
    return parts
