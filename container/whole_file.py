"""Files that are there whole or not at all, whenever somebody looks."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write what is `path` once this context ends: a reader sees the old file or the whole new one.

    Makes the folder. Where writing raises something, nothing new is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        with suppress(OSError):  # what cannot be written cannot always be removed
            partial.unlink()
        raise
