"""Other pages and tables on the same run, as far as they are there."""

from pathlib import Path

from container import contract
from container.debugger.report.page import Note, Section
from local_test.report.fragments import fragment
from local_test.report.run_files import DATA_DIR

# As tune_report.py and tuning/results.py name them, which need packages that a report does not.
TUNING_REPORT_FILE, TRIALS_FILE = "tuning-report.html", "trials.json"
DATA = DATA_DIR.as_posix()
PAGES = (
    (
        f"{DATA}/{contract.PROFILER_REPORT_DIR}/{contract.PROFILER_REPORT_FILE}",
        "Debugger and profiler report",
        "what the rules found, and where the time went",
    ),
    ("debug-report.html", "Debugger report, made later", "the same with all saved tensors"),
    ("comparison.html", "Comparison", "this run's debugger report beside another's"),
    (
        f"../{TUNING_REPORT_FILE}",
        "Tuning report",
        "the study that this run is a trial of: all trials, and what mattered",
    ),
    (f"../{TRIALS_FILE}", "Trials as JSON", "the same in numbers"),
    (f"{DATA}/{contract.METRICS_FILE}", "metrics.json", "every number of the run"),
    (
        f"{DATA}/{contract.PREDICTIONS_FILE}",
        "predictions.csv",
        "every image that was measured, and how sure the model is",
    ),
    (f"{DATA}/{contract.SKIPPED_FILES_FILE}", "skipped_files.csv", "files that were no images"),
    (f"{DATA}/per_class.csv", "per_class.csv", "the table of classes"),
    (f"{DATA}/confusion_matrix.csv", "confusion_matrix.csv", "the confusion matrix in numbers"),
)


def others_section(root: Path, page: Path) -> Section:
    """Links from where the page lies; relative ones where it lies in the run's folder, which can then be moved."""
    start = "" if page.parent.absolute() == root.absolute() else f"{root.absolute().as_uri()}/"
    links = [
        {"address": start + address, "title": title, "says": says}
        for address, title, says in PAGES
        if (root / address).is_file()
    ]
    parts = [fragment("links", links)] if links else [Note(text="There are no other pages beside this one.")]
    return Section(id="others", title="Other pages", parts=parts)
