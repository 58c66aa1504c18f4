"""The debugger and profiler report of any past run, or two runs side by side: a page, and on request PDF and PNG."""

import argparse
import sys
from pathlib import Path

from container.debugger.report.collect import Content, RunFolders, collect
from container.debugger.report.compare import render_comparison
from container.debugger.report.render import render
from container.errors import UserError
from local_test.browser import save_pdf, save_png
from local_test.interrupts import exit_status
from local_test.s3_run import fetch_run
from local_test.waiting import waiting

EXAMPLES = """examples:
  python -m local_test.debug_report runs/sample --pdf
  python -m local_test.debug_report runs/sample --compare runs/photos
  python -m local_test.debug_report s3://bucket/jobs/dogs-train-0a1b2c --out dogs.html"""
TENSOR_SECONDS = 8.0  # nobody trains while this runs, so there is time for every tensor


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        run_dir = find_run(options.run)
        other_dir = find_run(options.compare) if options.compare else None
        with waiting("Reading tensors and profile"):
            content = content_of(run_dir, options.run)
            html = render_comparison(content, content_of(other_dir, options.compare)) if other_dir else render(content)
        page = options.out or run_dir / ("comparison.html" if options.compare else "debug-report.html")
        write(page, html)
        written = [page, *exported(page, pdf=options.pdf, png=options.png)]
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(str(path) for path in written))
    print(f"\nOpen it: {page.absolute().as_uri()}")
    if not options.compare:
        print(f"Compare it with another run: python -m local_test.debug_report {options.run} --compare OTHER")
    return 0


def find_run(run: str) -> Path:
    """The folder of a run that is one, or that is fetched from S3. Raises UserError."""
    if run.startswith("s3://"):
        return fetch_run(run)
    folder = Path(run)
    if not (folder / "output").is_dir():
        raise UserError(f"{folder} is no run: it has no folder `output`; give what train_local got as --run, or s3://.")
    return folder


def content_of(run_dir: Path, name: str) -> Content:
    """All that a report shows of a run; one without a job name is called by where it lies."""
    return collect(RunFolders.below(run_dir), name=name.rstrip("/").rpartition("/")[2], tensor_seconds=TENSOR_SECONDS)


def write(page: Path, html: str) -> None:
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(html)
    except OSError as error:
        raise UserError(f"{page} cannot be written ({error.strerror}); give another file by --out.") from error


def exported(page: Path, *, pdf: bool, png: bool) -> list[Path]:
    """The PDF and PNG beside the page, as far as they are asked for. Raises UserError without a browser."""
    written = []
    for wanted, save, ending in ((pdf, save_pdf, ".pdf"), (png, save_png, ".png")):
        if wanted:
            save(page, page.with_suffix(ending))
            written.append(page.with_suffix(ending))
    return written


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.debug_report",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", help="folder of a run of train_local, or s3://BUCKET/PATH/JOB")
    parser.add_argument("--compare", metavar="OTHER", help="a second run, to be set against the first")
    parser.add_argument("--out", type=Path, help="file for the page (default: debug-report.html in the run's folder)")
    parser.add_argument("--pdf", action="store_true", help="print it to PDF too, beside the page")
    parser.add_argument("--png", action="store_true", help="take a picture of it too, beside the page")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(exit_status(main))
