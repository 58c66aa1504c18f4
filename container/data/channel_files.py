"""What lies in a channel's folder: class folders, and in them all files that may be images."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from container.errors import ChannelError

IGNORED_FILES = ("Thumbs.db", "desktop.ini")  # what desktop systems leave; hidden files and folders are ignored too


def class_folders(root: Path) -> list[Path]:
    """In the order of the class names; none where there is no such folder. Raises OSError."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def image_files(folder: Path) -> list[Path]:
    """All that may be images below a class folder, links that lead nowhere included. Raises OSError."""

    def fail(error: OSError) -> None:
        raise error  # a folder that cannot be read would otherwise count as one without images

    found = []
    for parent, folders, names in os.walk(folder, onerror=fail):
        # A notebook leaves copies of images in .ipynb_checkpoints.
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(parent, name) for name in names if not name.startswith(".") and name not in IGNORED_FILES)
        found += [path for path in paths if _may_be_read(path)]
    return sorted(found)


def _may_be_read(path: Path) -> bool:
    """Not of a pipe or a device, which would have the job wait for ever."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:  # whoever reads it learns why it cannot be read
        return True


def refuse_bytes(name: str, root: Path, folders: list[Path]) -> None:
    """Raise ChannelError for a class whose name is no text, as no answer could tell it."""
    for folder in folders:
        try:
            folder.name.encode()
        except UnicodeEncodeError as error:
            raise ChannelError(
                f"Channel {name!r} ({root}): the class folder {folder.name!r} has a name that is not UTF-8; rename it."
            ) from error


@contextmanager
def named_errors(name: str) -> Iterator[None]:
    """Within it an OSError becomes a ChannelError that names the channel and the folder."""
    try:
        yield
    except OSError as error:
        raise ChannelError(
            f"Channel {name!r}: {error.filename} cannot be read: {error.strerror}; see that the folder is there and "
            "that its permissions let this process in."
        ) from error
