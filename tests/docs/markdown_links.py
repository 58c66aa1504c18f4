"""Links of a Markdown file as GitHub shows it: paths from where the file lies, anchors made of headings."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:")
MARKDOWN = MarkdownIt("commonmark").enable("table")


def targets(path: Path) -> Iterator[str]:
    """Of every link and picture."""
    for token in _all(MARKDOWN.parse(path.read_text())):
        target = token.attrGet("href") if token.type == "link_open" else token.attrGet("src")
        if target is not None:
            yield str(target)


@cache
def anchors(path: Path) -> set[str]:
    """Of a Markdown file's headings, with -1, -2, ... for those that come again."""
    tokens, counts, found = MARKDOWN.parse(path.read_text()), {}, set()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            slug = _slug("".join(child.content for child in inline.children or ()))
            number = counts[slug] = counts.get(slug, -1) + 1
            found.add(f"{slug}-{number}" if number else slug)
    return found


def broken(path: Path) -> list[str]:
    """Links within the repository that lead nowhere, in words."""
    found = []
    for target in targets(path):
        if EXTERNAL.match(target):
            continue
        place, _, anchor = unquote(target).partition("#")
        to = (path.parent / place).resolve() if place else path
        if not to.exists():
            found.append(f"{path.name}: {target} is not there")
        elif anchor and to.suffix == ".md" and anchor not in anchors(to):
            found.append(f"{path.name}: {target} is no heading")
    return found


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def _all(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or [])
