"""Checkpoints that survive a kill at any moment: written under another name, synced, renamed; then older ones go."""

import os
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from container import contract
from container.errors import CheckpointError

KEPT = 2  # the newest, and one before it in case the disk damaged the newest


def save_checkpoint(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write `state` (tensors and plain values only) as the checkpoint of a global step, whole or not at all.

    Raises CheckpointError if the disk is full or the folder cannot be written.
    """
    path = folder / contract.CHECKPOINT_PATTERN.replace("*", f"{step:012d}")
    partial = path.with_suffix(".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(folder)
    except (OSError, RuntimeError) as error:
        with suppress(OSError):  # what cannot be written cannot always be removed
            partial.unlink()
        raise CheckpointError(
            f"The checkpoint {path} cannot be written: {_reason(error)}; free or enlarge the disk, and start again "
            "with the same folder."
        ) from error
    for old in checkpoints(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint that can be read, or None. A damaged one is passed over for the one before it."""
    for path in reversed(checkpoints(folder)):
        try:
            _check_bytes(path)
            # weights_only: a checkpoint comes from S3, and bytes from there must not run code.
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # damaged bytes can raise anything
            print(f"Checkpoint {path} cannot be read ({type(error).__name__}); trying the one before it.", flush=True)
            continue
        print(f"Resuming from {path}.", flush=True)
        return state
    return None


def checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints, oldest first."""
    return sorted(folder.glob(contract.CHECKPOINT_PATTERN))


def refuse_other_job(folder: Path, saved: dict[str, Any], current: dict[str, Any]) -> None:
    """Raise CheckpointError if the checkpoint was made with other settings or data than this job has."""
    changed = sorted(name for name in current if saved.get(name) != current[name])
    if changed:
        pairs = ", ".join(f"{name} was {saved.get(name)!r} and is {current[name]!r}" for name in changed)
        raise CheckpointError(f"The checkpoint in {folder} belongs to another job: {pairs}; use an empty folder.")


def _check_bytes(path: Path) -> None:
    # torch.load does not compare the checksums that torch.save has written.
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged:
        raise OSError(f"{damaged} is damaged")


def _reason(error: BaseException) -> str:
    """The system's word for it: PyTorch says where its own file ends instead, of an error that it met on the way."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__context__
    return str(error).partition("\n")[0]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
