"""A run's model as the model.tar.gz that SageMaker unpacks: the same files give the same bytes, on any day."""

import gzip
import hashlib
import tarfile
from pathlib import Path

from container import contract
from deploy.errors import DeployError

MODE = 0o644


def write_model_archive(run_dir: Path, archive_path: Path) -> str:
    """The sha256 of the archive written to `archive_path`. Raises DeployError if the run has no model."""
    forms = [path for name in contract.MODEL_FILES.values() if (path := run_dir / "model" / name).is_file()]
    if not any(path.name == contract.MODEL_FILE for path in forms):
        raise DeployError(
            f"{run_dir} holds no model/{contract.MODEL_FILE}; give the folder of a run that has been trained."
        )
    # No name and no time in gzip's header; nothing of the file but its bytes in tar's. Level 1: weights hardly shrink.
    with (
        archive_path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path in forms:
            entry = tarfile.TarInfo(path.name)
            entry.size, entry.mode, entry.mtime = path.stat().st_size, MODE, 0
            with path.open("rb") as model:
                archive.addfile(entry, model)
    with archive_path.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()
