"""The report on a run as a file: what a training job leaves at its end, and every minute until then."""

from pathlib import Path

from container.debugger.report.collect import RunFolders, collect
from container.debugger.report.render import render
from container.whole_file import whole_file


def write_report(run: RunFolders, path: Path, *, name: str = "") -> Path:
    """Write the report on a run to `path`, whole or not at all; returns the path."""
    html = render(collect(run, name=name))
    with whole_file(path) as partial:
        partial.write_text(html)
    return path
