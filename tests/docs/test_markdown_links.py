"""README.md and every page of docs/ as GitHub shows them: no link, anchor or picture leads nowhere."""

from pathlib import Path

import pytest

from tests.docs.markdown_links import anchors, broken, targets
from tests.job_folder import PROJECT_DIR

PAGES = [PROJECT_DIR / "README.md", *sorted((PROJECT_DIR / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(PROJECT_DIR)))
def test_no_link_leads_nowhere(path: Path) -> None:
    assert broken(path) == []


def test_readme_leads_to_the_documentation() -> None:
    found = set(targets(PROJECT_DIR / "README.md"))
    assert {"docs/index.md", "docs/get_started.md", "docs/own_images.md", "docs/architecture.md"} <= found


def test_what_leads_nowhere_is_found(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# A `b` of *c*: d\n\n## Twice\n\n## Twice\n")
    page.write_text(
        "[ok](other.md) [ok](other.md#a-b-of-c-d) [ok](other.md#twice-1) [ok](https://example.org/x#y)\n\n"
        "| [a](missing.md) | ![b](missing.png) |\n|---|---|\n| [c](other.md#thrice) | `[d](code.md)` |\n\n[e](#here)\n"
    )
    assert broken(page) == [
        "page.md: missing.md is not there",
        "page.md: missing.png is not there",
        "page.md: other.md#thrice is no heading",
        "page.md: #here is no heading",
    ]
    assert anchors(other) == {"a-b-of-c-d", "twice", "twice-1"}
