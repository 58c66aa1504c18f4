"""A job's output.tar.gz -> what a report reads, the job's own report, tables and pictures, and nothing else.

Wherever the names in it point, nothing is written outside the folder given.
"""

import re
import tarfile
import zlib
from pathlib import Path

from container import contract
from container.errors import UserError

# SageMaker packs /opt/ml/output/data; its name may stand in front. Only what fits is taken, so that no member can name
# a place outside.
WANTED = re.compile(
    r"(?:\./)?(?:data/)?("
    rf"{re.escape(contract.METRICS_FILE)}|{contract.RULES_DIR}/[\w-]+\.json|{contract.PROFILER_RULES_DIR}/[\w-]+\.json|"
    rf"[\w-]+\.(?:csv|png)|{contract.PROFILER_REPORT_DIR}/{re.escape(contract.PROFILER_REPORT_FILE)})"
)
MAX_FILE_BYTES, MAX_FILES = 64 << 20, 1000


def unpack_results(archive_path: Path, data_dir: Path) -> list[Path]:
    """The files written below `data_dir`. Raises UserError for an archive that is damaged or no job's."""
    written: list[Path] = []
    try:
        with tarfile.open(archive_path, "r:gz") as archive:
            for member in archive:
                wanted = WANTED.fullmatch(member.name)
                if wanted is None or not member.isreg():  # links, devices and folders are left
                    continue
                source = archive.extractfile(member)
                if member.size > MAX_FILE_BYTES or len(written) >= MAX_FILES or source is None:
                    raise UserError(f"{archive_path} holds too much to be a job's results ({member.name}); remove it.")
                path = data_dir / wanted[1]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.read())
                written.append(path)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise UserError(f"{archive_path} is damaged ({error}); remove it and run this command again.") from error
    return written
