"""The documentation built as `make docs` builds it, and what its pages link to."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from tests.job_folder import PROJECT_DIR

LINKED = {"a": "href", "img": "src", "link": "href", "script": "src", "source": "src", "iframe": "src"}


def build(folder: Path, source: Path = PROJECT_DIR / "docs", builder: str = "html") -> str:
    """What Sphinx says on stderr. Raises AssertionError with it if there is a warning."""
    command = [sys.executable, "-m", "sphinx", "-b", builder, "-W", "--keep-going", "-q", str(source), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT_DIR)
    assert done.returncode == 0, done.stderr
    return done.stderr


@dataclass(frozen=True)
class Link:
    page: Path
    tag: str
    target: str

    @property
    def is_external(self) -> bool:
        return bool(urlsplit(self.target).scheme or urlsplit(self.target).netloc)

    @property
    def path(self) -> Path:
        """The file that it leads to, of a link within the site."""
        path = unquote(urlsplit(self.target).path)
        return (self.page.parent / path).resolve() if path else self.page

    @property
    def anchor(self) -> str:
        return unquote(urlsplit(self.target).fragment)


@dataclass(frozen=True)
class Site:
    folder: Path

    @cached_property
    def pages(self) -> dict[Path, BeautifulSoup]:
        return {path: BeautifulSoup(path.read_text(), "html.parser") for path in self.folder.rglob("*.html")}

    def links(self) -> Iterator[Link]:
        for path, page in self.pages.items():
            for tag in page.find_all(list(LINKED)):
                assert isinstance(tag, Tag)
                if (target := tag.get(LINKED[tag.name])) is not None:
                    yield Link(path, tag.name, str(target))

    @cached_property
    def anchors(self) -> dict[Path, set[str]]:
        return {path: {str(tag["id"]) for tag in page.find_all(id=True)} for path, page in self.pages.items()}

    def broken(self) -> list[str]:
        """Links within the site that lead nowhere, in words."""
        found = []
        for link in self.links():
            if link.is_external:
                continue
            if not link.path.is_file():
                found.append(f"{link.page.name}: {link.target} is no file")
            elif link.anchor and link.path.suffix == ".html" and link.anchor not in self.anchors[link.path]:
                found.append(f"{link.page.name}: {link.target} is no anchor of {link.path.name}")
        return found
