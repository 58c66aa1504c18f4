"""The page to drop a picture on: one HTML document with its style and script in it, so that it needs nothing else."""

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path

from container.data.image_file.formats import FORMATS, format_names
from container.serving.demo.run_files import REPORTS, report_path, sample_paths

FOLDER = Path(__file__).parent


def page(root: Path) -> tuple[str, str]:
    """The document, and the content security policy that lets it run its own script and ask this server only.

    `root` is the run's folder, whose reports and sample images it shows.
    """
    document, policy = _frame()
    return document.replace("<!-- SAMPLES -->", _samples(root)).replace("<!-- REPORTS -->", _reports(root)), policy


@cache
def _frame() -> tuple[str, str]:
    style, script = ((FOLDER / name).read_text() for name in ("style.css", "page.js"))
    document = (FOLDER / "page.html").read_text()
    content_types = ",".join(known.content_types[0] for known in FORMATS)
    document = document.replace("CONTENT_TYPES", content_types).replace("FORMATS", format_names())
    document = document.replace("/* STYLE */", style).replace("/* SCRIPT */", script)
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}",
            # A bar's length is a style of its own.
            "style-src 'unsafe-inline'",
            "img-src 'self' blob: data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return document, policy


def _samples(root: Path) -> str:
    names = [path.name.encode(errors="replace").decode() for path in sample_paths(root)]  # they need not be text
    items = (
        f'<li><button type="button" data-source="samples/{number}" data-name="{escape(name)}">'
        f'<img src="samples/{number}" alt=""><span>{escape(name.rpartition(".")[0])}</span></button></li>'
        for number, name in enumerate(names)
    )
    return f'<p id="samples-title">or try one of these</p>\n<ul id="samples">{"".join(items)}</ul>' if names else ""


def _reports(root: Path) -> str:
    links = (
        f'<a href="reports/{name}" target="_blank" rel="noopener">{escape(report.title)}</a>'
        for name, report in REPORTS.items()
        if report_path(root, name)
    )
    shown = "\n".join(links)
    return f'<nav aria-label="Reports">{shown}</nav>' if shown else ""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
