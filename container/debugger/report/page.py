"""What a page consists of: sections of tiles, charts, tables and notes. The templates know nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

Cell = str | Markup


def sortable(value: float | None, text: str) -> Markup:
    """A cell whose number sortable.js sorts by."""
    return Markup("{}").format(text) if value is None else Markup('<data value="{:.12g}">{}</data>').format(value, text)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One number that matters."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Tiles:
    part = "tiles"
    tiles: Sequence[Tile]


@dataclass(frozen=True, kw_only=True)
class Key:
    """A line of a legend."""

    label: str
    tone: int
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing, the sentence that says what it shows, and its legend; `notes` explain its numbered marks."""

    part = "chart"
    title: str
    sentence: str
    drawing: Markup
    keys: Sequence[Key] = ()
    notes: Sequence[str] = ()
    x_label: str = ""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Small charts side by side."""

    part = "gallery"
    title: str
    sentence: str
    charts: Sequence[Chart]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Charts that belong side by side where there is room."""

    part = "pair"
    charts: Sequence[Chart]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells; the columns in `numbers` are set flush right."""

    part = "table"
    title: str
    sentence: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numbers: frozenset[int] = frozenset()
    sortable: bool = False  # by its headings, where the page has sortable.js


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that found something: what, and what to do."""

    rule: str
    message: str
    advice: str
    more: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Findings:
    part = "findings"
    findings: Sequence[Finding]


@dataclass(frozen=True, kw_only=True)
class Note:
    """What is missing, and which setting would bring it."""

    part = "note"
    text: str


@dataclass(frozen=True, kw_only=True)
class Html:
    """What no other part can show, as markup that its maker has escaped."""

    part = "html"
    html: Markup


Part = Tiles | Chart | Pair | Gallery | Table | Findings | Note | Html


@dataclass(frozen=True, kw_only=True)
class Section:
    id: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True, kw_only=True)
class Page:
    title: str
    headline: str
    advice: str
    tone: str  # good, bad or unknown
    facts: Sequence[tuple[str, str]] = ()
    sections: Sequence[Section] = field(default_factory=tuple)
    kicker: str = "Debugger and profiler report"
