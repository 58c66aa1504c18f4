"""Markup that only this page has: pictures with captions, pairs of them, the confusion matrix and links."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from container.debugger.report.page import Html

TEMPLATES_DIR = Path(__file__).parent / "templates"


def fragment(macro: str, argument: Any) -> Html:
    """What a macro of fragments.html makes of its argument, with every text in it escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    module: Any = environment.get_template("fragments.html").module
    return Html(html=Markup(getattr(module, macro)(argument)))  # noqa: S704  escaped by the template
