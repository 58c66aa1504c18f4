"""`make demo` where a person sits: its server goes on, with a page, until Ctrl-C, and then nothing is left."""

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from local_test.serve_local import free_port
from tests.browser.dropping import drop
from tests.chromium import chromium
from tests.job_folder import FAST, write_data_set
from tests.terminal import Terminal

QUICK = [part for name, value in {**FAST, "num_epochs": "1"}.items() for part in ("-p", f"{name}={value}")]
WITHOUT_SCREEN = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "BROWSER")}
READY = r"(http://localhost:\d+)   \(open it in a browser; \d+ s since the start\)"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_set(tmp_path_factory.mktemp("terminal") / "photos", per_class=6)


@pytest.fixture
def demo(data_dir: Path, tmp_path: Path) -> Iterator[Terminal]:
    command = [sys.executable, "-m", "local_test.demo", "--data", str(data_dir), "--run", str(tmp_path / "run")]
    terminal = Terminal([*command, "--port", str(free_port()), *QUICK], WITHOUT_SCREEN)
    yield terminal
    terminal.kill()


def test_its_page_answers_a_dropped_picture_until_ctrl_c(demo: Terminal, data_dir: Path, tmp_path: Path) -> None:
    url = demo.wait_for(READY)[1]
    with chromium() as browser:
        page = browser.new_page()
        page.goto(url)
        drop(page, next((data_dir / "test" / "001.Red").iterdir()))
        expect(page.locator("article .bars button")).to_have_count(3)
        # One image of each class lies ready, and is classified as if it had been dropped.
        expect(page.locator("#samples button")).to_have_text(["001.Red", "002.Green", "003.Blue"])
        page.get_by_role("button", name="002.Green", exact=True).click()
        expect(page.locator("article .name").first).to_have_text("002.Green.jpg")
        expect(page.locator("article .bars button")).to_have_count(6)
    assert len(demo.running()) > 1
    demo.press_ctrl_c()
    assert demo.end() == 0
    assert demo.shown.rstrip().endswith("Stopped; nothing is left running.")
    assert "Traceback" not in demo.shown
    for bar in ("epoch 1", "evaluation", "colours"):
        assert re.search(rf"\r{bar}: +\d+%\|.*\[\d\d:\d\d<", demo.shown), bar  # with the time left
    assert demo.running() == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0
    assert (tmp_path / "run" / "model" / "model.pt").is_file()


def test_it_ends_in_order_in_the_middle_of_training_too(demo: Terminal) -> None:
    demo.wait_for("Settings: ")  # of the training process, three processes below
    demo.process.send_signal(signal.SIGINT)  # as `kill` sends it, to this one alone
    assert demo.end() == 130
    assert demo.running() == []
    assert demo.shown.rstrip().endswith("Stopped; nothing is left running.")
