"""The page to drop a picture on: one HTML document with its style and script in it, so that it needs nothing else."""

import base64
import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def page() -> tuple[str, str]:
    """The document, and the content security policy that lets it run its own script and ask this server only."""
    style, script = ((FOLDER / name).read_text() for name in ("style.css", "page.js"))
    document = (FOLDER / "page.html").read_text()
    document = document.replace("/* STYLE */", style).replace("/* SCRIPT */", script)
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}",
            # A bar's length is a style of its own.
            "style-src 'unsafe-inline'",
            "img-src 'self' blob: data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return document, policy


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
