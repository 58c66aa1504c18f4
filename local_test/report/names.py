"""How names of files and classes are written on the page: they come from anyone."""

LONGEST = 80  # characters of a path that a card shows, its end, which tells files apart


def written(name: str) -> str:
    """A name as text; bytes that are none, which files may have in their names, as a mark."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def short(path: str) -> str:
    text = written(path)
    return text if len(text) <= LONGEST else f"…{text[-LONGEST:]}"
