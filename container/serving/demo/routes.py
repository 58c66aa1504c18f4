"""The page at `GET /` of a server at home, and what it shows of the run: none of it without SERVE_DEMO."""

from pathlib import Path

from flask import Flask, Response, abort

from container.serving.demo.page import page
from container.serving.demo.run_files import HTML_TYPE, SHOWN_TYPES, report_path, sample_paths

# A report is made from names and values that others chose. In a sandbox, which is nobody's origin, its script can draw
# and nothing else: it reads nothing of this server and asks no other. The page's own policy allows that script only.
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Nothing here is taken for another type than it says, tells another server where it was, or is shown out of a cache.
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def demo_page(root: Path) -> Response:
    """The page to drop a picture on, with links to what the run in `root` has to show."""
    document, policy = page(root)
    return Response(document, mimetype=HTML_TYPE, headers={"Content-Security-Policy": policy, **HEADERS})


def add_run_routes(app: Flask, root: Path) -> None:
    """Reports by their names, and images by their numbers, so that no part of a path comes from a caller."""

    @app.get("/reports/<name>")
    def show_report(name: str) -> Response:
        path = report_path(root, name) or abort(404)
        return Response(
            path.read_bytes(), mimetype=HTML_TYPE, headers={"Content-Security-Policy": REPORT_POLICY, **HEADERS}
        )

    @app.get("/samples/<int:number>")
    def show_sample(number: int) -> Response:
        paths = sample_paths(root)
        path = paths[number] if number < len(paths) else abort(404)
        return Response(path.read_bytes(), mimetype=SHOWN_TYPES[path.suffix.lower()], headers=HEADERS)
