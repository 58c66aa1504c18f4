"""The gallery of a run: data set, training, confusion matrix with its images, mistakes and calibration, as one page."""

import argparse
import sys
from pathlib import Path

from container.errors import UserError
from local_test.debug_report import exported, find_run, write
from local_test.interrupts import exit_status
from local_test.report.content import gather
from local_test.report.page import render

EXAMPLES = """examples:
  python -m local_test.report runs/sample
  python -m local_test.report runs/dogs --data data/dogImages --png"""
PAGE_FILE = "report.html"


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        root = find_run(options.run)
        page = options.out or root / PAGE_FILE
        content = gather(root, options.run.rstrip("/").rpartition("/")[2] or "run", options.data)
        write(page, render(content, page))
        written = [page, *exported(page, pdf=False, png=options.png)]
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(str(path) for path in written))
    print(f"\nOpen it: {page.absolute().as_uri()}")
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.report",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", help="folder of a run of train_local, or s3://BUCKET/PATH/JOB")
    parser.add_argument("--data", type=Path, help="the images, if the run's folder has none: what train_local got")
    parser.add_argument("--out", type=Path, help=f"file for the page (default: {PAGE_FILE} in the run's folder)")
    parser.add_argument("--png", action="store_true", help="take a picture of it too, beside the page")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(exit_status(main))
