"""The trials of a search for hyperparameters as one page that needs no network and no other file."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from markupsafe import Markup

from container.debugger.report.render import TEMPLATES_DIR, content_policy, templates
from container.whole_file import whole_file
from local_test.tuning.page_parts import tuning_page

REPORT_FILE = "tuning-report.html"
OWN_TEMPLATES_DIR = Path(__file__).parent / "tuning" / "templates"
EXAMPLES = """examples:
  python -m local_test.tune_report runs/tune/trials.json"""


def write_tuning_report(trials: dict[str, Any], path: Path) -> Path:
    """Write the page of `trials`, the content of a trials.json, and return its path.

    The same for SageMaker's tuning jobs: `fixed`, `logarithmic` and, of a trial, `reason` may be missing.
    """
    page = render(trials, trials.get("name") or path.absolute().parent.name)
    with whole_file(path) as partial:  # so that a page that is open can be loaded again at any moment
        partial.write_text(page)
    return path


def render(trials: dict[str, Any], title: str) -> str:
    """The page's HTML. Its look is that of the debugger's report, whose style sheet and script it takes along."""
    style = (TEMPLATES_DIR / "report.css").read_text() + (OWN_TEMPLATES_DIR / "tuning.css").read_text()
    script = (TEMPLATES_DIR / "report.js").read_text() + (TEMPLATES_DIR / "sortable.js").read_text()
    template = templates(OWN_TEMPLATES_DIR).get_template("tuning.html")
    return template.render(
        page=tuning_page(trials, title),
        policy=content_policy(style, script),
        style=Markup(style),  # noqa: S704  our own files
        script=Markup(script),  # noqa: S704
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.tune_report",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trials", type=Path, help="trials.json of a study or of a tuning job")
    options = parser.parse_args(arguments)
    try:
        trials = json.loads(options.trials.read_text())
    except (OSError, ValueError) as error:
        print(f"{options.trials} cannot be read ({error}); give a trials.json.", file=sys.stderr)
        return 1
    print(write_tuning_report(trials, options.trials.with_name(REPORT_FILE)).absolute().as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
