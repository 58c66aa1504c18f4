"""A page as one HTML file that needs nothing else: no network, no other file."""

import base64
import hashlib
import json
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from container.debugger.report.collect import Content
from container.debugger.report.page import Page
from container.debugger.report.sections.curves import curves_section
from container.debugger.report.sections.operators import operators_section
from container.debugger.report.sections.rules import rules_section
from container.debugger.report.sections.settings import settings_section
from container.debugger.report.sections.tensors import tensors_section
from container.debugger.report.sections.timing import timing_section
from container.debugger.report.sections.utilisation import utilisation_section
from container.debugger.report.summary import headline

TEMPLATES_DIR = Path(__file__).parent / "templates"
RUNNING = "The job still runs: this page shows what has been written so far."


def render(content: Content) -> str:
    """The report's HTML."""
    return render_page(report_page(content))


def report_page(content: Content) -> Page:
    found, advice, tone = headline(content)
    return Page(
        title=content.name,
        headline=found,
        advice=advice,
        tone=tone,
        facts=_facts(content),
        sections=[
            rules_section(content),
            curves_section(content),
            timing_section(content),
            utilisation_section(content),
            operators_section(content),
            tensors_section(content),
            settings_section(content),
        ],
    )


def _facts(content: Content) -> list[tuple[str, str]]:
    facts = [] if content.is_over else [("Running", RUNNING)]
    hyperparameters = content.metrics.get("hyperparameters")
    if isinstance(hyperparameters, dict):
        names = ("backbone", "fine_tune", "batch_size", "learning_rate", "num_epochs")
        facts += [(name, str(hyperparameters[name])) for name in names if name in hyperparameters]
    return facts


def render_page(page: Page, *, style: str = "", script: str = "", data: object = None, has_images: bool = False) -> str:
    """Any page's HTML. Its content policy allows its own style and script by their hashes, and nothing else.

    `style` and `script` come after those of every page, `data` is JSON for the script. With `has_images` the policy
    lets in pictures that are part of the page.
    """
    environment = templates(TEMPLATES_DIR)
    style = (TEMPLATES_DIR / "report.css").read_text() + style
    script = (TEMPLATES_DIR / "report.js").read_text() + script
    environment.filters["breakable"] = _breakable
    template = environment.get_template("page.html")
    # Within a script no text can end it, and nothing is an entity.
    text = "" if data is None else json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return template.render(
        page=page,
        policy=content_policy(style, script, has_images=has_images),
        style=Markup(style),  # noqa: S704  our own files
        script=Markup(script),  # noqa: S704
        data=Markup(text),  # noqa: S704
    )


def templates(folder: Path) -> Environment:
    """The templates in a folder; every text that they are given is escaped, and one that is missing is an error."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def content_policy(style: str, script: str, *, has_images: bool = False) -> str:
    """Lets in this style and this script, by their hashes, and with `has_images` pictures that are part of the page."""
    images = " img-src data:;" if has_images else ""
    return f"default-src 'none';{images} style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'"


def _breakable(name: str) -> Markup:
    """A name with places where a line may end: names of tensors have no spaces."""
    return Markup("<wbr>").join(re.findall(r"[^./_]*[./_]*", name))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
