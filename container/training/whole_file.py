"""Files of results that are there whole or not at all, whenever somebody looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write what is `path` once this context ends: a reader sees the old file or the whole new one.

    Where that raises OSError nothing new is left.
    """
    partial = path.with_suffix(".partial")
    try:
        yield partial
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
