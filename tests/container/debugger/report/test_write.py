import time
from pathlib import Path

from container.debugger.report.collect import RunFolders
from container.debugger.report.write import write_report
from tests.container.debugger.report.sample_run import write_run


def test_a_report_is_written_whole_in_less_than_two_seconds(tmp_path: Path) -> None:
    run = write_run(tmp_path / "ml")
    path = tmp_path / "ml" / "output" / "data" / "ProfilerReport" / "profiler-output" / "profiler-report.html"
    start = time.monotonic()
    assert write_report(run, path) == path
    assert time.monotonic() - start < 2
    assert path.read_text().endswith("</html>")
    assert not list(path.parent.glob("*.partial"))


def test_a_second_report_replaces_the_first(tmp_path: Path) -> None:
    path = write_report(RunFolders(), tmp_path / "report.html", name="job-one")
    assert "job-one" in path.read_text()
    write_report(RunFolders(), path, name="job-two")
    assert "job-one" not in path.read_text()
