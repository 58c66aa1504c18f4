"""What a run has to show beside its model: reports, and a few images to click on.

They lie in the folder that stands for /opt/ml, where `make demo`, a training job and `make report` leave them. An
endpoint's has none of them.
"""

from dataclasses import dataclass
from pathlib import Path

from container import contract

HTML_TYPE = "text/html"
SAMPLES_DIR = "samples"
MOST_SAMPLES = 8
MOST_BYTES = 64 << 20  # of one file, which is read as a whole
SHOWN_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True)
class Report:
    title: str
    path: str  # below the run's folder


REPORTS = {
    "run": Report("Report of the run", "report.html"),
    "profiler": Report(
        "Debugger and profiler", f"output/data/{contract.PROFILER_REPORT_DIR}/{contract.PROFILER_REPORT_FILE}"
    ),
}


def report_path(root: Path, name: str) -> Path | None:
    """The file of a report; None if the run has none of that name."""
    report = REPORTS.get(name)
    return _readable(root, root / report.path) if report else None


def sample_paths(root: Path) -> list[Path]:
    """The images to click on, each named like its class; none if nobody has chosen any."""
    folder = root / SAMPLES_DIR
    if not folder.is_dir():
        return []
    files = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in SHOWN_TYPES)
    return [path for path in files if _readable(root, path)][:MOST_SAMPLES]


def shown_paths(root: Path) -> list[str]:
    """What of it there is, below the run's folder: all that a container has to be given beside the model."""
    reports = [report.path for name, report in REPORTS.items() if report_path(root, name)]
    return [*reports, *([SAMPLES_DIR] if sample_paths(root) else [])]


def _readable(root: Path, path: Path) -> Path | None:
    """The path if it is a file of the run itself: what a job wrote may be a link to anywhere."""
    try:
        inside = path.resolve(strict=True).is_relative_to(root.resolve())
        is_shown = inside and path.is_file() and path.stat().st_size <= MOST_BYTES
        if is_shown:
            path.open("rb").close()
    except OSError:  # it is not there, or belongs to somebody else
        return None
    return path if is_shown else None
