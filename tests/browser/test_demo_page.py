"""The page to drop a picture on, served by the real server and used in a real browser."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from container.model.artifact import save_artifact
from container.model.network import Network
from container.model.preprocess import Preprocess
from container.serving.demo.run_files import REPORTS, SAMPLES_DIR
from tests.browser.dropping import drop
from tests.chromium import chromium
from tests.container.serving.running_server import RunningServer
from tests.job_folder import write_picture

# Its script must run, as charts need theirs; what it then tries to reach must be out of its reach.
HOSTILE_REPORT = """<title>Report</title><body><p id=result></p><img src=/samples/0 id=image><script>
    document.querySelector("#image").onerror = () => {
        let origin = self.origin, stored = "reads";
        try { localStorage.length; } catch { stored = "refused"; }
        fetch("/").then(() => "reads", () => "refused").then((asked) => {
            document.querySelector("#result").textContent = `${origin} ${stored} ${asked}`;
        });
    };
</script>"""
COLOURS = ["red", "green", "blue", *(f"{number:03d}.a_class_with_quite_a_long_name" for number in range(60))]
PLACES = 7


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Of a model that tells red from green from blue, place by place."""
    base_dir = tmp_path_factory.mktemp("demo")
    patches = torch.nn.Conv2d(3, 3, 32, stride=32, bias=False)
    features = torch.nn.Sequential(patches, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    network = Network(features, 3, len(COLOURS), head="linear", fine_tune="head")
    patches.weight.data = torch.eye(3).view(3, 3, 1, 1).expand(patches.weight.shape) / 32**2
    network.head[0].weight.data = torch.eye(len(COLOURS), 3) * 5
    network.head[0].bias.data.zero_()
    card = {"input_size": 224, "test": {"accuracy": 0.875}, "hyperparameters": {"backbone": "resnet18"}}
    (base_dir / "model").mkdir()
    save_artifact(base_dir / "model" / "model.pt", Preprocess(224), network, COLOURS, card)
    leave_reports_and_samples(base_dir)
    running = RunningServer(base_dir, tmp_path_factory.mktemp("home"), {**os.environ, "SERVE_DEMO": "true"})
    running.wait_for_ping(200)
    yield running
    running.kill()


def leave_reports_and_samples(root: Path) -> None:
    """What a run has to show, of names that were chosen to do harm."""
    (root / "report.html").write_text(HOSTILE_REPORT)
    profiler = root / REPORTS["profiler"].path
    profiler.parent.mkdir(parents=True)
    profiler.symlink_to("/etc/passwd")
    samples = root / SAMPLES_DIR
    write_picture(samples / "blue.jpg", (30, 30, 220), size=(400, 300))
    write_picture(samples / "<img src=x onerror=alert(1)>.jpg", (220, 30, 30), size=(300, 400))
    (samples / "notes.txt").write_text("no picture")
    (samples / "secret.jpg").symlink_to("/etc/hostname")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, server: RunningServer) -> Iterator[Page]:
    """The page at 1000 px; the test fails if its console has an error, or it asks another server."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    asked: list[str] = []
    page.goto(url_of(server))
    yield page
    page.close()
    assert [text for text in complaints if "status of 4" not in text] == []
    assert not [url for url in asked if not url.startswith((url_of(server), "blob:", "data:"))]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`photo("red")`: the file of a noisy picture of that colour."""
    folder = tmp_path_factory.mktemp("photos")
    colours = {"red": (220, 30, 30), "blue": (30, 30, 220)}
    return lambda name: write_picture(folder / f"{name}.jpg", colours[name], size=(400, 300))


def url_of(server: RunningServer) -> str:
    return f"http://127.0.0.1:{server.port}/"


def marked(page: Page) -> list[int]:
    """The colour in the middle of the first picture as it is shown."""
    return page.evaluate(
        """() => {
            const canvas = document.querySelector("canvas");
            return [...canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data];
        }"""
    )


def test_a_dropped_picture_gets_its_labels_and_a_map_that_can_be_hidden(page: Page, photo) -> None:
    drop(page, photo("blue"))
    bars = page.locator("article .bars button")
    expect(bars).to_have_count(5)
    expect(bars.first).to_contain_text("blue")
    expect(bars.first).to_contain_text("%")
    expect(bars.first).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".parts")).to_contain_text("inference")
    expect(page.locator("#status")).to_contain_text("blue.jpg: blue")
    expect(page.locator("canvas")).to_have_attribute(
        "aria-label", "The picture, with the places marked that speak for blue"
    )
    with_map = marked(page)
    page.get_by_label("Show where the label was found").uncheck()
    without = marked(page)
    assert without[2] > 150 > without[0]  # blue
    assert with_map[0] > without[0] + 50  # red and yellow lie over it


def test_another_label_can_be_explained_from_the_keyboard(page: Page, photo) -> None:
    drop(page, photo("blue"))
    second = page.locator("article .bars button").nth(1)
    label = second.locator("span").first.inner_text()
    second.focus()
    page.keyboard.press("Enter")
    expect(page.locator("canvas")).to_have_attribute(
        "aria-label", f"The picture, with the places marked that speak for {label}"
    )
    expect(second).to_be_focused()


def test_several_pictures_are_chosen_at_once_and_a_bad_one_has_a_friendly_error(page: Page, photo, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("no picture at all")
    page.locator("#files").set_input_files([photo("red"), tmp_path / "notes.txt", photo("blue")])
    expect(page.locator("article")).to_have_count(3)
    expect(page.locator("article .bars button")).to_have_count(10)
    error = page.locator("article .error:not([hidden])")
    expect(error).to_have_count(1)
    expect(error).to_contain_text("not a JPEG, PNG or WebP image; send one of those.")


def test_a_picture_can_be_pasted(page: Page, photo) -> None:
    page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "pasted.jpg", { type: "image/jpeg" }));
            window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
        }""",
        list(photo("red").read_bytes()),
    )
    expect(page.locator("article .bars button").first).to_contain_text("red")


def test_the_model_its_card_and_its_classes_can_be_looked_up(page: Page) -> None:
    expect(page.locator("#model")).to_have_text("resnet18, 63 classes, fp32; accuracy 87.5% on its test images")
    page.locator("#classes summary").click()
    page.get_by_label("Search").fill("042")
    expect(page.locator("#class-list li")).to_have_text(["042.a_class_with_quite_a_long_name"])
    page.locator("#card summary").click()
    expect(page.locator("#card-text")).to_contain_text('"input_size": 224')


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_small_phone_and_has_enough_contrast(browser: Browser, server: RunningServer, photo, theme) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 700}, color_scheme=theme)
    page.goto(url_of(server))
    drop(page, photo("red"))
    expect(page.locator("article .bars button")).to_have_count(5)
    page.locator("#classes summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert contrast(ink, paper) > 7
    heights = page.evaluate(
        "[...document.querySelectorAll('button:not([hidden])')].map((button) => button.offsetHeight)"
    )
    assert min(heights) >= 40  # for a thumb
    page.close()


def contrast(*colours: str) -> float:
    """The contrast ratio of two colours, `rgb(1, 2, 3)`. Source: WCAG 2.2, "relative luminance"."""
    levels = []
    for colour in colours:
        shares = [int(part) / 255 for part in colour.strip("rgb()").split(",")]
        red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        levels.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(levels) + 0.05) / (min(levels) + 0.05)


def test_programs_get_the_card_and_a_server_without_the_page_has_only_that(
    server: RunningServer, tmp_path: Path
) -> None:
    status, headers, told = server.request("GET", "/", Accept="application/json")
    assert (status, headers["Content-Type"], len(told["class_names"])) == (200, "application/json", 63)
    assert server.request("GET", "/")[1]["Content-Type"] == "application/json"
    _, headers, document = server.request("GET", "/", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"<title>Image classifier</title>" in document


def test_a_sample_is_classified_like_a_dropped_picture(page: Page) -> None:
    buttons = page.locator("#samples button")
    expect(buttons).to_have_text(["<img src=x onerror=alert(1)>", "blue"])
    buttons.nth(1).click()
    expect(page.locator("article .name")).to_have_text("blue.jpg")
    expect(page.locator("article .bars button").first).to_contain_text("blue")


def test_a_report_can_draw_and_reach_nothing(browser: Browser, server: RunningServer) -> None:
    page = browser.new_page()
    page.goto(url_of(server))
    expect(page.get_by_role("navigation", name="Reports").get_by_role("link")).to_have_text(["Report of the run"])
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Report of the run").click()
    expect(opened.value.locator("#result")).to_have_text("null refused refused")
    page.context.close()


@pytest.mark.parametrize(
    "path",
    [
        "/reports/profiler",  # a link that leads out of the run
        "/reports/none",
        "/reports/run/..%2f..%2f..%2fetc%2fpasswd",
        "/reports/..%2freport.html",
        "/reports/",
        "/samples/2",  # what is no image of the run is not counted
        "/samples/-1",
        "/samples/..%2fmodel%2fmodel.pt",
        "/samples/secret.jpg",
        "/report.html",
    ],
)
def test_nothing_else_of_the_disk_is_shown(server: RunningServer, path: str) -> None:
    status, headers, body = server.request("GET", path)
    assert (status, headers["Content-Type"]) == (404, "application/json"), body


def test_a_report_says_for_itself_that_it_is_a_page_and_no_other_s(server: RunningServer) -> None:
    status, headers, body = server.request("GET", "/reports/run")
    assert (status, body) == (200, HOSTILE_REPORT.encode())
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Security-Policy"].startswith("sandbox allow-scripts; default-src 'none'; ")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert server.request("GET", "/samples/1")[1]["Content-Type"] == "image/jpeg"
    assert server.request("POST", "/reports/run", b"")[0] == 405
