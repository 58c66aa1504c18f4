"""A page as PDF or picture, by an installed Chromium or Chrome."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from container.errors import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
MAC_PATHS = tuple(
    f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Google Chrome", "Chromium", "Microsoft Edge")
)
QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=3000",
)
WIDTH, MAX_HEIGHT = 1280, 16000  # pixels of a picture; browsers draw no higher ones
TIMEOUT_SECONDS = 90


def find_browser() -> str:
    """The path of a browser that can run without a display. Raises UserError if there is none."""
    for name in (os.environ.get("CHROMIUM", ""), *NAMES, *MAC_PATHS):
        if name and (path := shutil.which(name)):
            return path
    raise UserError(
        "PDF and PNG need Chromium, Chrome or Edge, and none was found; install one, or name it by the variable "
        "CHROMIUM. The HTML page needs none: print it from any browser."
    )


def save_pdf(page: Path, target: Path) -> None:
    """Print a page to A4. Raises UserError."""
    _to_file(target, f"--print-to-pdf={target.absolute()}", "--no-pdf-header-footer", page.absolute().as_uri())


def save_png(page: Path, target: Path) -> None:
    """A picture of the whole page, 1280 pixels wide. Raises UserError."""
    address = page.absolute().as_uri()
    size = f"--window-size={WIDTH},{{}}"
    # The page writes its height down; without that the picture would end at the window's edge.
    found = re.search(r'data-height="(\d+)"', run(find_browser(), size.format(1000), "--dump-dom", address))
    height = min(int(found[1]), MAX_HEIGHT) if found else MAX_HEIGHT
    _to_file(target, f"--screenshot={target.absolute()}", size.format(height), address)


def _to_file(target: Path, *arguments: str) -> None:
    target.unlink(missing_ok=True)  # so that an old one is not taken for the new one
    run(find_browser(), *arguments)
    if not target.is_file():
        raise UserError(f"The browser wrote no {target}; check that the folder can be written to and has room.")


def run(browser: str, *arguments: str) -> str:
    """What the browser prints, started with a profile of its own. Raises UserError if it does not end well."""
    # Chromium's sandbox does not work for root, as in containers; the page shown is our own, without any network.
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="report-", ignore_cleanup_errors=True) as profile_dir:
        command = [browser, *QUIET, *(["--no-sandbox"] if is_root else []), f"--user-data-dir={profile_dir}"]
        try:
            done = subprocess.run(
                [*command, *arguments], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"{browser} cannot be used ({error}); name another by the variable CHROMIUM.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"{browser} failed: {last}; name another browser by the variable CHROMIUM.")
    return done.stdout
