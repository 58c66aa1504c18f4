"""Markup that only this page has: pictures with captions, pairs of them, the confusion matrix and links."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from container.debugger.report.page import Html
from container.debugger.report.render import templates

TEMPLATES_DIR = Path(__file__).parent / "templates"


def fragment(macro: str, argument: Any) -> Html:
    """What a macro of fragments.html makes of its argument, with every text in it escaped."""
    module: Any = templates(TEMPLATES_DIR).get_template("fragments.html").module
    return Html(html=Markup(getattr(module, macro)(argument)))  # noqa: S704  escaped by the template
