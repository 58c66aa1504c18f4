"""A folder for a session's models and jobs that is gone afterwards, with what containers have written as root."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_test.check_contract.engine import Engine


@contextmanager
def workspace(engine: Engine, image: str) -> Iterator[Path]:
    """The folder; it is removed once the block is left."""
    folder = Path(tempfile.mkdtemp(prefix="check-contract-"))
    try:
        yield folder
    finally:
        remove(folder, engine, image)


def remove(folder: Path, engine: Engine, image: str) -> None:
    """Remove a folder, by a container of the image where files belong to another user; else say what is left."""
    try:
        shutil.rmtree(folder)
        return
    except PermissionError:
        options = ["--rm", "--user", "0", "--label", engine.label, "-v", f"{folder}:/delete", "--entrypoint", "chmod"]
        engine.run("run", *options, image, "-R", "a+rwX", "/delete")
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        print(f"{folder} belongs to other users in part; remove it with `sudo rm -r {folder}`.", file=sys.stderr)
