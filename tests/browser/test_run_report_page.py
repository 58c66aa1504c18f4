"""The page of a run in a real browser: cells that open to their images, keys, themes, and narrow screens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from local_test.report.__main__ import main
from tests.chromium import chromium
from tests.local_test.report.made_run import HOSTILE, MadeRun

BREEDS = [f"{number:03d}.A_breed_with_a_long_name" for number in range(1, 134)]
CLASSES = {"few": ["cat", "dog", HOSTILE.replace("/", "")], "two": ["cat", "dog"], "breeds": BREEDS}
SECTIONS = ["data", "training", "confusion", "mistakes", "calibration", "classes", "others"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of a run with a leak and a broken file, one of two classes, and one of 133."""
    folders = {name: tmp_path_factory.mktemp(name) for name in CLASSES}
    for name, classes in CLASSES.items():
        run = MadeRun(
            folders[name], classes, per_class=2 if name == "breeds" else 4, wrong=2 if name == "breeds" else 4
        )
        if name == "few":
            seen = run.data_dir / "train" / "cat" / "001.jpg"
            (run.data_dir / "test" / "dog" / "000.jpg").write_bytes(seen.read_bytes())
            (run.data_dir / "train" / "dog" / "002.jpg").write_bytes(b"no picture")
        assert main([str(folders[name])]) == 0
    return {name: folder / "report.html" for name, folder in folders.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of 1000 px; the test fails if its console has an error, or it asks for anything but itself."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    complaints: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    yield page
    page.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def cell(page: Page, row: int, column: int) -> str:
    return f'#matrix button[data-cell="{row},{column}"]'


def images_load(page: Page, where: str) -> int:
    """How many pictures there are; all of them are decoded and have a size."""
    expect(page.locator(f"{where} img").first).to_be_visible()
    widths = page.eval_on_selector_all(f"{where} img", "all => all.map(each => each.complete && each.naturalWidth)")
    assert all(width for width in widths)
    return len(widths)


def test_a_cell_opens_to_its_images_and_closes_by_key_and_by_button(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["few"].as_uri())
    dialog = page.locator("#cell")
    expect(dialog).to_be_hidden()
    page.click(cell(page, 0, 0))
    expect(page.locator("#cell-title")).to_have_text("cat")
    expect(page.locator("#cell-lead")).to_have_text("All 3 images, the least sure first.")
    assert images_load(page, "#cell") == 3
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(cell(page, 0, 0))).to_be_focused()
    page.click(cell(page, 1, 2))
    expect(page.locator("#cell-title")).to_have_text(f"dog, taken for {CLASSES['few'][2]}")
    expect(page.locator("#cell figcaption").first).to_contain_text("is dog")
    assert images_load(page, "#cell") == 1  # one that the gallery of mistakes has, too
    page.click("#cell-close")
    expect(dialog).to_be_hidden()


def test_the_matrix_is_one_stop_of_tab_and_arrows_go_between_its_cells(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["few"].as_uri())
    assert page.locator('#matrix button[tabindex="0"]').count() == 1
    page.focus(cell(page, 0, 0))
    for key, (row, column) in (
        ("ArrowRight", (0, 1)),
        ("ArrowDown", (1, 1)),
        ("ArrowDown", (2, 0)),
        ("ArrowRight", (2, 2)),
        ("ArrowLeft", (2, 0)),
    ):
        page.keyboard.press(key)
        expect(page.locator(cell(page, row, column))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#cell-title")).to_have_text(f"{CLASSES['few'][2]}, taken for cat")
    page.keyboard.press("Escape")
    expect(page.locator(cell(page, 2, 0))).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.getElementById('matrix').contains(document.activeElement)") is False


def test_pairs_that_are_confused_open_to_their_images_too(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["breeds"].as_uri())
    page.locator("button.show").first.click()
    expect(page.locator("#cell-title")).to_have_text(f"{BREEDS[0]}, taken for {BREEDS[1]}")
    assert images_load(page, "#cell") == 1


def test_look_alikes_stand_side_by_side_and_mistakes_are_shown(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["few"].as_uri())
    assert images_load(page, ".pairs") == 2
    assert images_load(page, "#mistakes") == 3
    left, right = page.locator(".pairs img").all()
    one, other = left.bounding_box(), right.bounding_box()
    assert one
    assert other
    assert one["y"] == other["y"]
    assert one["x"] < other["x"]


def test_the_table_of_classes_sorts_by_number(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["few"].as_uri())
    page.click("#classes th:has-text('In train')")
    counts = page.locator("#classes tbody td:nth-child(2)").all_inner_texts()
    assert counts == ["3", "4", "4"]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_section_fits_at_any_width_in_light_and_dark(
    browser: Browser, page: Page, pages: dict[str, Path], name: str, theme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(pages[name].as_uri())
    assert page.eval_on_selector_all("section", "all => all.map(each => each.id)") == SECTIONS
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    outside = page.evaluate(
        "width => [...document.querySelectorAll('main *, header *')].filter(each => {"
        " const box = each.getBoundingClientRect();"
        " return !each.closest('.scroll, .plot, dialog') && box.width && (box.left < -1 || box.right > width + 1);"
        "}).map(each => each.outerHTML.slice(0, 120))",
        width,
    )
    assert outside == []
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert (brightness(ink) > brightness(paper)) == (theme == "dark")
    page.locator("#matrix button").last.click()  # it scrolls into sight, and opens
    expect(page.locator("#cell")).to_be_visible()
    box = page.locator("#cell").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def brightness(colour: str) -> int:
    """Of a colour as the browser writes it, `rgb(1, 2, 3)`: the sum of its parts."""
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")[:3])
