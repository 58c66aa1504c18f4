"""Text from docstrings and parsers -> Markdown that shows it as it is."""

import re
from collections.abc import Iterable, Sequence

SPECIAL = re.compile(r"[\\`*<|]|\b_|_\b")  # an underline inside a word is one


def plain(text: str) -> str:
    """The text on one line, with every character shown that Markdown would take for its own; `code` stays code."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else SPECIAL.sub(r"\\\g<0>", part) for part in parts)


def code(text: object) -> str:
    """The text as code. A bar would end a table's cell."""
    return "`" + str(text).replace("|", "\\|") + "`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [list(head), ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
