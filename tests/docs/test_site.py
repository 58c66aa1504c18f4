"""The site, built in full: no warning, no link into nothing, usable in a browser, quiet on the network."""

import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import chromium
from tests.docs.built_site import Site, build
from tests.job_folder import PROJECT_DIR

NARROW, WIDE = 360, 1300


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site").resolve()
    build(folder)
    return Site(folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(site: Site) -> Iterator[str]:
    """Of the site, served as any web server does: from a file, a browser does not let the search show what it found."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site.folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The start page; the test fails if the console has an error, or anything but the site's files is asked for."""
    page = browser.new_page(viewport={"width": WIDE, "height": 900})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    page.on("request", lambda request: asked.append(request.url))
    asked: list[str] = []
    page.goto(url)
    yield page
    page.close()
    assert complaints == []
    assert not [other for other in asked if not other.startswith((url, "data:"))]


def test_no_link_of_the_site_leads_nowhere(site: Site) -> None:
    assert site.broken() == []


def test_every_markdown_file_is_a_page(site: Site) -> None:
    docs = PROJECT_DIR / "docs"
    expected = {path.relative_to(docs).with_suffix(".html") for path in docs.rglob("*.md")}
    assert expected <= {path.relative_to(site.folder) for path in site.pages}


def test_pages_take_nothing_from_elsewhere(site: Site) -> None:
    foreign = [link for link in site.links() if link.is_external and link.tag != "a"]
    assert [link for link in foreign if not link.target.startswith("data:")] == []


def test_a_broken_link_anchor_or_picture_ends_the_build(tmp_path: Path) -> None:
    shutil.copytree(PROJECT_DIR / "docs" / "_static", tmp_path / "docs" / "_static")
    shutil.copy(PROJECT_DIR / "docs" / "conf.py", tmp_path / "docs")
    (tmp_path / "docs" / "index.md").write_text("# A\n\n[b](b.md) [c](#c) ![d](d.svg)\n")
    with pytest.raises(AssertionError) as failure:
        build(tmp_path / "site", tmp_path / "docs")
    assert all(words in str(failure.value) for words in ("b.md", "'c'", "d.svg"))


def test_the_menu_leads_from_the_start_to_every_page(page: Page) -> None:
    titles = page.locator(".sidebar-tree a.reference").all_text_contents()
    assert len(titles) == len(set(titles)) == len(list((PROJECT_DIR / "docs").rglob("*.md"))) - 1
    for title in titles:
        page.locator(".sidebar-tree").get_by_role("link", name=title, exact=True).click()
        expect(page.locator("article h1")).to_contain_text(title)
        assert page.locator("article img").evaluate_all("all => all.every(img => img.complete && img.naturalWidth)")


def test_a_word_is_found(page: Page) -> None:
    page.get_by_role("searchbox").or_(page.get_by_placeholder("Search")).first.fill("max_corrupt_share")
    page.keyboard.press("Enter")
    expect(page.locator("#search-results .search-summary")).to_contain_text("found")
    assert "Your own images" in page.locator("#search-results li a").all_text_contents()
    expect(page.locator("#search-results .context").first).to_contain_text("max_corrupt_share")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_narrow_screen_in_light_and_in_dark(browser: Browser, url: str, scheme: str) -> None:
    with browser.new_context(viewport={"width": NARROW, "height": 800}, color_scheme=scheme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        for name in ("index", "architecture", "cost", "reference/commands", "performance"):
            page.goto(f"{url}{name}.html")
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW, name
        red, *_ = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
        assert (red > 128) == (scheme == "light")
