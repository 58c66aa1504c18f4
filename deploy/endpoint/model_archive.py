"""A run's model.pt as the model.tar.gz that SageMaker unpacks: the same file gives the same bytes, on any day."""

import gzip
import hashlib
import tarfile
from pathlib import Path

from container import contract
from deploy.errors import DeployError

MODE = 0o644


def write_model_archive(run_dir: Path, archive_path: Path) -> str:
    """The sha256 of the archive written to `archive_path`. Raises DeployError if the run has no model."""
    model_path = run_dir / "model" / contract.MODEL_FILE
    if not model_path.is_file():
        raise DeployError(
            f"{run_dir} holds no model/{contract.MODEL_FILE}; give the folder of a run that has been trained."
        )
    # No name and no time in gzip's header; nothing of the file but its bytes in tar's. Level 1: weights hardly shrink.
    with (
        archive_path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
        model_path.open("rb") as model,
    ):
        entry = tarfile.TarInfo(contract.MODEL_FILE)
        entry.size, entry.mode, entry.mtime = model_path.stat().st_size, MODE, 0
        archive.addfile(entry, model)
    with archive_path.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()
