"""The documentation site, built by `make docs` with Sphinx: the Markdown of this folder, which GitHub shows too.

Why Sphinx: pages link to tests, sources and figures outside of this folder, which it follows and checks, as it does
anchors; it searches without a server, and needs nothing from the network. MyST reads GitHub's Markdown and its anchors.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

DOCS_DIR = Path(__file__).parent
FOLDER_LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)#]+)\)")

project = "Image classifiers on SageMaker"
language = "en"
highlight_language = "none"  # of blocks that name none: mostly what a terminal shows
extensions = ["myst_parser"]
myst_heading_anchors = 4  # named as GitHub names them
exclude_patterns = ["diagrams", "_static"]
root_doc = "index"

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
# The colours of the other pages of this project (container/debugger/report/templates/report.css).
html_theme_options = {
    "light_css_variables": {
        "color-background-primary": "#fbfbf9",
        "color-background-secondary": "#f2f3f3",
        "color-foreground-primary": "#1d2125",
        "color-foreground-secondary": "#5d666f",
        "color-brand-primary": "#2b66c9",
        "color-brand-content": "#2b66c9",
        "color-brand-visited": "#2b66c9",
    },
    "dark_css_variables": {
        "color-background-primary": "#14171a",
        "color-background-secondary": "#1b1f23",
        "color-foreground-primary": "#e7eaec",
        "color-foreground-secondary": "#9ba5ae",
        "color-brand-primary": "#6ea3f5",
        "color-brand-content": "#6ea3f5",
        "color-brand-visited": "#6ea3f5",
    },
}

# Caption -> pages, in this order; a pattern stands for all that is there. What nothing names comes last, under "More".
NAVIGATION = {
    "Begin": ["get_started", "own_images", "cost"],
    "Understand": [
        "architecture",
        *(f"concepts/{name}" for name in ("artifact", "channels", "features", "precision", "debugger")),
        *(f"concepts/{name}" for name in ("serving", "tuning", "deployment", "resuming")),
        "concepts/*",
    ],
    "Use": ["image", "training", "api", "debugger", "deploy", "hosting", "multi_model", "report", "extend", "extend/*"],
    "When things go wrong": ["troubleshooting", "troubleshooting/*", "faults", "reliability", "security"],
    "Facts": ["performance", "accuracy", "contract", "supply_chain"],
    "Reference": ["reference", "reference/*"],
}


def navigation() -> str:
    """The site's menu as MyST's directives. It stands here so that index.md stays plain Markdown."""
    pages = {path.relative_to(DOCS_DIR).with_suffix("").as_posix() for path in DOCS_DIR.rglob("*.md")}
    left = pages - {root_doc}
    menus = []
    for caption, patterns in NAVIGATION.items():
        found = []
        for pattern in patterns:
            depth = pattern.count("/")
            matching = sorted(page for page in left if Path(page).match(pattern) and page.count("/") == depth)
            found += matching
            left -= set(matching)
        menus.append((caption, found))
    menus.append(("More", sorted(left)))
    return "".join(
        "\n```{toctree}\n:hidden:\n:maxdepth: 1\n:caption: " + caption + "\n\n" + "\n".join(found) + "\n```\n"
        for caption, found in menus
        if found
    )


def without_folder_links(text: str, page: str) -> str:
    """GitHub shows a folder of the repository; the site has none to show, and names it only."""
    folder = (DOCS_DIR / page).parent
    return FOLDER_LINK.sub(lambda link: link[1] if (folder / link[2]).is_dir() else link[0], text)


def prepare(_: Sphinx, page: str, source: list[str]) -> None:
    source[0] = without_folder_links(source[0], page)
    if page == root_doc:
        source[0] += navigation()


def setup(app: Sphinx) -> None:
    app.connect("source-read", prepare)
