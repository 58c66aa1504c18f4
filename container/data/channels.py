"""Channel folders -> the lists of readable images, with class names and a fingerprint of their content.

A channel is a folder with one folder of images per class (ImageFolder). Nothing is ever deleted or changed.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from container.data.channel_files import class_folders, image_files, named_errors, refuse_bytes
from container.data.decode import decode_image
from container.data.image_file.formats import format_names
from container.data.readable_files import ReadableFiles
from container.errors import ChannelError, ImageError

SPLIT_FOLDERS = ("train", "valid", "test")  # a channel that holds these holds a whole data set
NAMED_IN_ERROR = 5  # unreadable files that an error lists by path


@dataclass(frozen=True)
class Channel:
    """Readable images of one channel. `files[i]` belongs to `class_names[labels[i]]`."""

    name: str
    root: Path
    class_names: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...]
    unreadable: tuple[tuple[Path, str], ...]  # path and reason of every file that was skipped
    fingerprint: str  # SHA-256 over class, path and content of every file
    digests: tuple[bytes, ...]  # SHA-256 of the content of each of `files`

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def content(self) -> str:
        """SHA-256 over the content of the readable files, in their order: equal ones hold the same pictures."""
        return hashlib.sha256(b"".join(self.digests)).hexdigest()

    def counts(self) -> dict[str, int]:
        """Images per class, in the order of the class names."""
        found = Counter(self.labels)
        return {name: found[index] for index, name in enumerate(self.class_names)}


def split_roots(train_root: Path, valid_root: Path | None, test_root: Path | None) -> dict[str, Path]:
    """Folder per split. A single channel that holds train/ and valid/ or test/ folders is a data set by itself."""
    with named_errors("train"):
        parts = {name: train_root / name for name in SPLIT_FOLDERS if (train_root / name).is_dir()}
        if "train" in parts and len(parts) > 1 and len(parts) == len(class_folders(train_root)):
            return parts
    given = {"train": train_root, "valid": valid_root, "test": test_root}
    return {name: root for name, root in given.items() if root is not None}


def read_channel(
    name: str,
    root: Path,
    *,
    max_corrupt_share: float,
    class_names: tuple[str, ...] | None = None,
    workers: int = 0,
    stop: Callable[[], None] = lambda: None,
    readable: ReadableFiles | None = None,
) -> Channel:
    """The channel's images, each decoded once to prove that it can be read, unless `readable` knows its content.

    `class_names` are those of the train channel, which every other channel must keep to. `stop` is called between
    files and may raise. Raises ChannelError if a folder cannot be read, a class is unknown, nothing is readable, or
    more than `max_corrupt_share` of the files are not.
    """
    with named_errors(name):
        folders = class_folders(root)
        listed = [image_files(folder) for folder in folders]
    if not folders:
        raise ChannelError(f"Channel {name!r} ({root}) has no class folders; put one folder of images per label in it.")
    refuse_bytes(name, root, folders)
    names = class_names or tuple(folder.name for folder in folders)
    unknown = sorted({folder.name for folder in folders} - set(names))
    if unknown:
        raise ChannelError(
            f"Channel {name!r} ({root}) has classes that the train channel lacks: "
            f"{', '.join(unknown[:NAMED_IN_ERROR])}; add them to train or remove them."
        )
    found = [(path, names.index(folder.name)) for folder, paths in zip(folders, listed, strict=True) for path in paths]
    readable = readable or ReadableFiles()
    known = readable.known()
    verdicts = list(_verify([path for path, _ in found], f"reading {name}", workers, stop, known))
    readable.add(sorted({digest for reason, digest in verdicts if not reason} - known))
    good = [item for item, (reason, _) in zip(found, verdicts, strict=True) if not reason]
    unreadable = [(path, reason) for (path, _), (reason, _) in zip(found, verdicts, strict=True) if reason]
    _check_share(name, root, len(found), unreadable, max_corrupt_share)
    return Channel(
        name=name,
        root=root,
        class_names=names,
        files=tuple(path for path, _ in good),
        labels=tuple(label for _, label in good),
        unreadable=tuple(unreadable),
        fingerprint=_fingerprint(root, found, verdicts),
        digests=tuple(digest for reason, digest in verdicts if not reason),
    )


def split_channel(channel: Channel, share: float) -> tuple[Channel, Channel]:
    """Train and valid parts of a train channel: of each class the `share` of its images whose path's SHA-256 is lowest.

    The rule depends on names only, so it gives the same split on every host and in every run. At least one image of
    a class goes to valid if it has two or more; a class of one image stays in train.
    """
    chosen: set[int] = set()
    for label in range(len(channel.class_names)):
        members = [index for index, other in enumerate(channel.labels) if other == label]
        members.sort(key=lambda index: hashlib.sha256(_key(channel.root, channel.files[index])).digest())
        count = max(1, round(len(members) * share)) if len(members) > 1 else 0
        chosen.update(members[:count])
    if not chosen:
        raise ChannelError(
            f"Channel {channel.name!r} ({channel.root}) has one image per class, too few to split "
            "a valid channel from; add images or a valid channel."
        )
    rest = [index for index in range(len(channel)) if index not in chosen]
    return _subset(channel, "train", rest), _subset(channel, "valid", sorted(chosen))


def _subset(channel: Channel, name: str, indices: list[int]) -> Channel:
    return replace(
        channel,
        name=name,
        files=tuple(channel.files[index] for index in indices),
        labels=tuple(channel.labels[index] for index in indices),
        digests=tuple(channel.digests[index] for index in indices),
    )


def _verify(
    paths: list[Path], what: str, workers: int, stop: Callable[[], None], known: frozenset[bytes]
) -> Iterable[tuple[str, bytes]]:
    """For each file the reason why it cannot be read ("" if it can) and the SHA-256 of its bytes."""
    progress = partial(tqdm, total=len(paths), desc=what, unit="image", disable=None, leave=False)
    if workers == 0:
        for path in progress(paths):
            stop()
            yield verify_image(path, known)
        return
    # Forked processes get what is known as it lies in memory, and not again with every file.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("fork"), initializer=_know, initargs=(known,))
    try:
        for verdict in progress(pool.map(_verify_in_pool, paths, chunksize=16)):
            stop()
            yield verdict
    finally:
        pool.shutdown(cancel_futures=True)  # after a stop the rest of a large channel must not be read first


_KNOWN: list[frozenset[bytes]] = []  # of a pool's process


def _know(known: frozenset[bytes]) -> None:
    _KNOWN[:] = [known]


def _verify_in_pool(path: Path) -> tuple[str, bytes]:
    return verify_image(path, *_KNOWN)


def verify_image(path: Path, known: frozenset[bytes] = frozenset()) -> tuple[str, bytes]:
    try:
        body = path.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}", b""
    digest = hashlib.sha256(body).digest()
    if digest in known:
        return "", digest
    try:
        decode_image(body)
    except ImageError as error:
        return str(error), digest
    return "", digest


def _check_share(name: str, root: Path, total: int, unreadable: list[tuple[Path, str]], max_share: float) -> None:
    listed = "; ".join(f"{path.relative_to(root)}: {reason}" for path, reason in unreadable[:NAMED_IN_ERROR])
    if total == len(unreadable):
        first = f" First: {listed}" if listed else ""
        raise ChannelError(
            f"Channel {name!r} ({root}) has no readable image among its {total} files; put {format_names()} images "
            f"into its class folders.{first}"
        )
    if len(unreadable) > max_share * total:
        raise ChannelError(
            f"Channel {name!r} ({root}): {len(unreadable)} of {total} files are not readable images, more than "
            f"max_corrupt_share={max_share:g} allows. Repair or remove them, or raise it. First: {listed}"
        )


def _fingerprint(root: Path, found: list[tuple[Path, int]], verdicts: list[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for (path, _), (_, content) in zip(found, verdicts, strict=True):
        digest.update(_key(root, path) + b"\0" + content)
    return digest.hexdigest()


def _key(root: Path, path: Path) -> bytes:
    return os.fsencode(path.relative_to(root))  # names need not be UTF-8
