"""A page in the person's own browser, where one can be opened."""

import os
import sys
import threading
import webbrowser


def open_page(url: str) -> bool:
    """Whether a browser was asked to show it; False where there is none to be seen."""
    if not can_show():
        return False
    # Some browsers return only once they are closed.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    return True


def can_show() -> bool:
    """Whether there is a screen of this machine before a person, or the variable BROWSER, which says what to start."""
    if os.environ.get("BROWSER"):
        return True
    if os.environ.get("SSH_CONNECTION"):  # the screen is another machine's
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
