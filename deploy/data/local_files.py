"""A folder of images on this machine -> the files to upload, and what they are called in S3."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from container.data.channel_files import IGNORED_FILES  # what is uploaded is what is trained on
from deploy.errors import DeployError

KEY_LIMIT = 900  # bytes; S3 allows 1024, of which the project's folder takes some


@dataclass(frozen=True, order=True)
class LocalFile:
    """`name` is the place below the data's folder in S3, such as `train/001.Affenpinscher/a.jpg`."""

    name: str
    path: Path
    size: int


def list_channels(channels: dict[str, Path]) -> list[LocalFile]:
    """Files of all channels, sorted by name. Raises DeployError for an empty channel or a name that S3 cannot hold."""
    files: list[LocalFile] = []
    for channel, folder in channels.items():
        try:
            found = [_local_file(channel, folder, path) for path in _walk(folder, ())]
        except OSError as error:
            raise DeployError(f"{error.filename} cannot be read ({error.strerror}); repair or remove it.") from error
        if not found:
            raise DeployError(f"Channel {channel} ({folder}) holds no files; put one folder of images per class in it.")
        files += found
    return sorted(files)


def count_by_channel(files: list[LocalFile]) -> dict[str, int]:
    return dict(Counter(file.name.partition("/")[0] for file in files))


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
    """Every file below, hidden ones left out. Links are followed: S3 has none, and gets what they lead to."""
    real = str(folder.resolve())
    if real in above:
        raise DeployError(f"{folder} is a link to a folder that it lies in; remove it.")
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith(".") or entry.name in IGNORED_FILES:
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), (*above, real))
        elif entry.is_file():
            yield Path(entry.path)
        elif entry.is_symlink():
            raise DeployError(f"{entry.path} is a link to nothing; repair or remove it.")


def _local_file(channel: str, folder: Path, path: Path) -> LocalFile:
    name = f"{channel}/{path.relative_to(folder).as_posix()}"
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise DeployError(f"{str(path)!a} has a name that is not UTF-8; S3 cannot hold it: rename it.") from error
    if length > KEY_LIMIT:
        raise DeployError(f"{path} has a name of {length} bytes, too long for S3; shorten it to {KEY_LIMIT}.")
    return LocalFile(name, path, path.stat().st_size)
