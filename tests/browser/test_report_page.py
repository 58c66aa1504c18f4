"""The report's page in a real browser: its layout at two widths, in light and dark, and what its script does.

A page of the test's own, served beside the report, shows it in frames and writes down what it measures.
"""

import functools
import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from container.debugger.report.collect import Content
from container.debugger.report.compare import render_comparison
from container.debugger.report.render import render
from container.errors import UserError
from local_test.browser import QUIET, find_browser, save_pdf, save_png
from tests.container.debugger.report.sample_run import HOSTILE, content, operators, saved_tensors, verdicts

SECTIONS = ["rules", "training", "time", "utilisation", "operators", "tensors", "settings"]
LONG = "backbone.layer1.0.a_module_with_a_very_long_name_that_has_no_place_to_break_at_all.relu_output_0"
FRAMES = [
    (page, width, theme)
    for page in ("report", "empty", "comparison")
    for width in (390, 1280)
    for theme in ("light", "dark")
]

MEASURE = """<!DOCTYPE html><body><script>
const frames = FRAMES, found = [];
const isWide = (plot) => plot.getBoundingClientRect().width > 100;
function measure(frame, [page, width, theme]) {
  const view = frame.contentWindow, root = frame.contentDocument.documentElement;
  const outside = [...root.querySelectorAll("main *, header *")].filter((element) => {
    const box = element.getBoundingClientRect();
    return !element.closest(".scroll, .plot, .box, .part") && box.width && (box.left < -1 || box.right > width + 1);
  });
  const texts = [...root.querySelectorAll("main p, main td, main dd, main text")];
  return {
    page, width, theme,
    overflow: root.scrollWidth - root.clientWidth,
    outside: outside.slice(0, 5).map((element) => element.outerHTML.slice(0, 160)),
    smallest: Math.min(...texts.map((element) => parseFloat(view.getComputedStyle(element).fontSize))),
    background: view.getComputedStyle(frame.contentDocument.body).backgroundColor,
    ink: view.getComputedStyle(frame.contentDocument.body).color,
    sections: [...root.querySelectorAll("section")].map((section) => section.id),
    charts: [...root.querySelectorAll("svg.chart .plot")].filter(isWide).length,
    height: Number(root.dataset.height),
  };
}
let left = frames.length;
for (const description of frames) {
  const [page, width, theme] = description;
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 900; frame.style.border = "0";
  frame.onload = () => {
    found.push(measure(frame, description));
    if (!--left) { document.body.textContent = JSON.stringify(found); }
  };
  frame.src = `${page}.html?theme=${theme}`;
  document.body.append(frame);
}
</script></body>"""

USE = """<!DOCTYPE html><body><iframe width="1000" height="900" src="report.html"></iframe><script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement, found = {};
  const button = page.getElementById("theme"), tip = page.getElementById("tip");
  found.themes = [button.textContent];
  button.click(); found.themes.push(root.dataset.theme);
  button.click(); found.themes.push(root.dataset.theme);
  const point = (target, name, x, y) => target.dispatchEvent(
    new frame.contentWindow.PointerEvent(name, { clientX: x, clientY: y, bubbles: true }));
  const chart = page.querySelector("#training svg.chart"), box = chart.getBoundingClientRect();
  point(chart, "pointermove", box.left + box.width / 2, box.top + 50);
  found.tip = tip.hidden ? "" : tip.textContent;
  point(chart, "pointerleave", 0, 0);
  found.hidden = tip.hidden;
  const bar = page.querySelector("rect.bar");
  point(bar, "pointerover", 100, 100);
  found.bar = tip.hidden ? "" : tip.textContent;
  const boxes = [...page.querySelectorAll(".flame .box")];
  const width = (each) => Math.round(parseFloat(each.getAttribute("width")));
  const widths = () => boxes.map((each) => each.getAttribute("visibility") === "hidden" ? 0 : width(each));
  found.widths = [widths()];
  const press = (each) => each.dispatchEvent(new frame.contentWindow.MouseEvent("click", { bubbles: true }));
  press(boxes[1]); found.widths.push(widths());
  press(boxes[0]); found.widths.push(widths());
  document.body.textContent = JSON.stringify(found);
};
</script></body>"""


@pytest.fixture(scope="module")
def browser() -> str:
    try:
        return find_browser()
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages")
    hard = content(
        verdicts=verdicts(HOSTILE), operators=operators(LONG), tensors=saved_tensors((LONG, HOSTILE)), name="dogs" * 30
    )
    (path / "report.html").write_text(render(hard))
    (path / "empty.html").write_text(render(Content()))
    (path / "comparison.html").write_text(render_comparison(hard, content(name=HOSTILE)))
    (path / "measure.html").write_text(MEASURE.replace("FRAMES", json.dumps(FRAMES)))
    (path / "use.html").write_text(USE)
    (path / "broken.html").write_text("<script>console.error('seen')</script>")
    return path


class Site(http.server.ThreadingHTTPServer):
    """Serves a folder and remembers what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_request(self, code: Any = "-", size: Any = "-") -> None:
                asked.append(self.path)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    with Site(folder) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def console(browser: str, tmp_path: Path) -> Any:
    """A function: address -> (the page's text once its scripts have run, lines that it wrote to the console)."""

    def read(address: str) -> tuple[str, list[str]]:
        command = [browser, *QUIET, "--no-sandbox", "--enable-logging=stderr", f"--user-data-dir={tmp_path}"]
        done = subprocess.run([*command, "--dump-dom", address], capture_output=True, text=True, timeout=90, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return read


def told(page: str) -> Any:
    return json.loads(unescape(re.sub(r"<[^>]+>", "", page[page.index("<body") :])))


def test_the_pages_fit_a_phone_and_a_desk_in_light_and_dark(site: Site, console: Any) -> None:
    page, lines = console(f"{site.url}/measure.html")
    found = {(each["page"], each["width"], each["theme"]): each for each in told(page)}
    assert len(found) == len(FRAMES)
    assert lines == []
    for name, each in found.items():
        assert each["overflow"] == 0, name
        assert each["outside"] == [], name
        assert each["smallest"] >= 11, name
    for width in (390, 1280):
        report, empty = found["report", width, "light"], found["empty", width, "light"]
        assert report["sections"] == empty["sections"] == SECTIONS
        assert report["charts"] >= 14
        assert found["report", width, "dark"]["background"] != report["background"]
        assert found["report", width, "dark"]["ink"] != report["ink"]
    assert found["report", 390, "light"]["height"] > found["report", 1280, "light"]["height"]
    asked = {path.partition("?")[0] for path in site.asked}
    assert asked <= {f"/{name}.html" for name in ("measure", "report", "empty", "comparison")} | {"/favicon.ico"}


def test_the_theme_the_values_and_the_flame_view_answer_to_the_pointer(site: Site, console: Any) -> None:
    page, lines = console(f"{site.url}/use.html")
    found = told(page)
    assert lines == []
    assert found["themes"] == ["Dark", "dark", "light"]
    assert re.fullmatch(r"\d+\ntraining: [\d.]+\nvalidation: [\d.]+", found["tip"])
    assert found["hidden"]
    assert re.match(r"\d+ from \d+", found["bar"])
    before, chosen, after = found["widths"]
    assert before == after
    assert chosen[:2] == [100, 100]
    assert max(before[1:]) < 100


def test_an_error_in_a_page_would_be_seen(site: Site, console: Any) -> None:
    assert len(console(f"{site.url}/broken.html")[1]) == 1


def test_the_page_is_printed_to_a_pdf_of_several_pages(browser: str, folder: Path, tmp_path: Path) -> None:
    save_pdf(folder / "report.html", tmp_path / "report.pdf")
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 16


def test_a_picture_shows_the_whole_page(browser: str, folder: Path, tmp_path: Path) -> None:
    from PIL import Image

    save_png(folder / "report.html", tmp_path / "report.png")
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.width == 1280
        assert picture.height > 3000
        lowest = picture.convert("L").crop((0, picture.height - 400, 1280, picture.height))
        assert lowest.getextrema()[0] < 100  # something is written down there: the page was not cut or overshot
